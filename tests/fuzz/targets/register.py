"""The register of the broker's users: ``register.json``, and behind a line ``--`` the file of hashes.

It is rejected in one sentence; or what is written from it lets nobody in who is not in it, gives nobody more
than their role, and reads back as the same.
"""

import json
import re
import tempfile
from pathlib import Path

from broker.access.accounts import AccountsError, AccountStore
from broker.access.roles import Account
from tests.fuzz.oracles import assert_is_sentence

ROOT = "energy"
is_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_WRITES = {
    "sensor": {"readings", "status"},
    "gateway": {"readings", "status"},
    "ingestor": {"stored", "alerts", "alarms", "rejected", "ingestors"},
    "viewer": set[str](),
    "operator": {"commands", "readings"},
    "health": {"broker"},
}
_ONE = b'{"name":"Meter-7","role":"sensor","sites":["lari"],"managed":false}'
_TWO = b'{"name":"Gate-1","role":"gateway","sites":["lari","annex"],"managed":false}'
_HASH = b"\n--\nMeter-7:$7$101$c2FsdA==$aGFzaA==\n"
SEEDS = (
    b"[]",
    b"[" + _ONE + b"," + _TWO + b"]" + _HASH,
    b"[" + _ONE + b"," + _ONE.replace(b"lari", b"annex") + b"]" + _HASH,
    b"[" + _ONE.replace(b"sensor", b"operator") + b"]" + _HASH + b"Nobody:$7$1\n\n:\n",
    b"[" + _ONE.replace(b'["lari"]', b'["lari","annex"]') + b"]",
    b"[" + _ONE.replace(b'["lari"]', b'["+"]') + b"]",
    b"[" + _ONE.replace(b'["lari"]', b"[]") + b"]",
    b"[" + _ONE.replace(b"Meter-7", b"Meter-7\\nuser admin") + b"]",
    b"[" + _ONE.replace(b"Meter-7", b"#") + b"]",
    b"[" + _ONE.replace(b"lari", b"lari/+\\ntopic readwrite #") + b"]",
    b"[" + _ONE.replace(b"lari", b"lari\\n") + b"]",
    b"[" + _ONE.replace(b"sensor", b"admin") + b"]",
    b"[" + _ONE.replace(b"sensor", b"health") + b"]",
    b"[" + _ONE + b"]\n--\nMeter-7:a\xe2\x80\xa8Meter-7:b\n",
    b"[" + _ONE + b"]\n--\nMeter-7:a\x0bMeter-7:b\x1c\n",
    b"[" + _ONE + b"]\n--\n\xff\xfe\n",
    b"[" + _ONE + b"]\n--\nMeter-7\n",
    b"[" + _ONE + b"]\n--\n" + b"Meter-7:x\n" * 9_000,
    b"[" + b",".join([_ONE] * 900) + b"]",
    b"[" * 60_000,
    b"\xff",
    b"{}",
    b"",
)
TOKENS = tuple(
    b'"name": "role": "sites": "managed": "sensor" "gateway" "ingestor" "viewer" "operator" "health" '
    b'["lari"] ["+"] Meter-7: -- \\n # $SYS \xe2\x80\xa8 true'.split()
)


def check(data: bytes) -> None:
    written, has_hashes, hashes = data.partition(b"\n--\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "register.json").write_bytes(written)
        if has_hashes:
            (folder / "passwords").write_bytes(hashes)
        try:
            register = AccountStore(folder, ROOT)
        except AccountsError as error:
            assert_is_sentence(str(error).replace(name, ""))
            return
        assert sorted(each["name"] for each in json.loads(written)) == sorted(register.accounts)
        register.write()
        _check_hashes((folder / "passwords").read_bytes(), hashes, register)
        _check_access((folder / "acl").read_text(), register.accounts)
        again = AccountStore(folder, ROOT)
        assert again.accounts == register.accounts
        assert all(again.has_password(each) == register.has_password(each) for each in again.accounts)


def _check_hashes(now: bytes, before: bytes, register: AccountStore) -> None:
    """Each line is one that was there before, and is that of an account."""
    # Mosquitto knows no other line break.
    lines = now.split(b"\n")[:-1]
    assert {*lines} <= {*before.split(b"\n")}, "it has a hash that was not there"
    names = [line.partition(b":")[0].decode() for line in lines]
    assert len({*names}) == len(names)
    assert {*names} <= {*register.accounts}, "somebody is let in who is nobody"


def _check_access(access_list: str, accounts: dict[str, Account]) -> None:
    user: Account | None = None
    seen = []
    for line in access_list.split("\n")[1:]:
        if line.startswith("user "):
            user = accounts[line.removeprefix("user ")]
            seen.append(user.name)
        elif line:
            assert user is not None
            word, right, topic = line.split(" ")
            assert (word, right in {"read", "write"}) == ("topic", True)
            _check_right(user, right, topic)
    assert seen == sorted(accounts), "somebody is missing, or comes twice"


def _check_right(user: Account, right: str, topic: str) -> None:
    """It is within the role, and within the sites."""
    assert is_id(user.name)
    root, kind, *levels = topic.split("/") if topic.count("/") > 1 else ["", *topic.split("/")]
    kind = kind if levels[1:] or kind in {"alarms", "ingestors"} else levels[0]
    if right == "write":
        assert kind in _WRITES[user.role], f"a {user.role} may write {topic}"
    if root == ROOT and kind != "ingestors":
        assert levels[0] in user.sites, f"a {user.role} of {user.sites} has {topic}"
    if user.role == "sensor":
        assert levels == [user.sites[0], user.name]
    assert user.role in {"ingestor", "viewer", "operator", "gateway"} or "+" not in topic
    assert "#" not in topic or (user.role, topic) == ("ingestor", "$SYS/#")
