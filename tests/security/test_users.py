"""``broker users`` on running servers: what changes counts at once; names inject nothing."""

import asyncio
import hashlib
import os
import re
import stat
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest
from pydantic import ValidationError

from broker.access.accounts import AccountsError, AccountStore, find_program, hash_passwords, open_accounts
from broker.access.roles import Account
from broker.errors import BrokerError, BrokerRejectedError
from ingestor.receive.register import Register
from tests.fault_points.broker import PASSWORD_PATTERN
from tests.programs import run_program
from tests.security.world import World
from tests.servers import Wire, eventually

pytestmark = pytest.mark.integration


def variables(world: World) -> dict[str, str]:
    """What tells the command ``broker`` of these servers."""
    servers = world.servers
    return {
        "ENERGY_BROKER_USERS": str(world.users),
        "ENERGY_CERTIFICATES": str(servers.state / "certificates"),
        "ENERGY_CERTIFICATE_LISTENER": f"127.0.0.1:{servers.mutual_port or 9}",
    }


async def broker(world: World, *arguments: str) -> tuple[int, str]:
    """Run the command ``broker`` on these servers; its status and all that it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "broker", *arguments),
        env={**os.environ, **variables(world)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def broker_here(world: World, *arguments: str) -> tuple[int, str]:
    """Run the same in this process; in a thread, for it may have a loop of its own."""
    ended = await asyncio.to_thread(run_program, "broker", *arguments, variables=variables(world))
    return ended.status, ended.output + ended.errors


async def lets_in(url: str) -> bool:
    try:
        async with Wire(url):
            return True
    except BrokerError:
        return False


async def is_kept_out(url: str) -> bool:
    return not await lets_in(url)


def password_in(said: str) -> str:
    return str(re.findall(r"^  password +(\S+)$", said, re.MULTILINE)[0])


async def test_user_is_added_rotated_listed_and_removed_without_a_restart(world: World) -> None:
    def url(password: str) -> str:
        return world.servers.accounts.mqtt_url("meter-7", password, world.servers.mqtt_port)

    status, said = await broker(world, "users", "add", "meter-7", "--role", "sensor", "--site", "a")
    assert status == 0
    assert "publishes  energy/readings/a/meter-7\n             energy/status/a/meter-7\n" in said
    assert "hears      energy/stored/a/meter-7\n" in said
    first = password_in(said)
    await eventually(lambda: lets_in(url(first)), 5)
    async with Wire(url(first)) as meter:
        await meter.publish("energy/readings/a/meter-7", b"{}")
        with pytest.raises(BrokerRejectedError):
            await meter.publish("energy/readings/a/sensor-a1", b"{}")
    assert (
        "is a user meter-7 already" in (await broker(world, "users", "add", "meter-7", "--role", "viewer"))[1]
    )

    async with Wire(url(first)) as meter:
        status, said = await broker(world, "users", "rotate", "meter-7")
        assert status == 0
        # Whoever is in with the old password is thrown out.
        await eventually(lambda: meter.is_lost, 5)
    second = password_in(said)
    assert not await lets_in(url(first))
    await eventually(lambda: lets_in(url(second)), 5)
    assert re.search(
        r"^meter-7 +sensor +a +password$", (await broker(world, "users", "list"))[1], re.MULTILINE
    )

    async with Wire(url(second)) as meter:
        assert (await broker(world, "users", "remove", "meter-7"))[0] == 0
        await eventually(lambda: meter.is_lost, 5)
    assert not await lets_in(url(second))
    assert (await broker(world, "users", "remove", "meter-7")) == (
        1,
        "broker users remove: there is no user 'meter-7'; `broker users list` shows all\n",
    )
    assert "meter-7" not in "".join(file.read_text() for file in world.users.iterdir())


async def test_others_stay_connected_when_somebody_is_added_or_removed(world: World) -> None:
    async with world.wire("sensor-a1") as bystander:
        _, said = await broker_here(world, "users", "add", "passing", "--role", "viewer")
        servers = world.servers
        url = servers.accounts.mqtt_url("passing", password_in(said), servers.mqtt_port)
        await eventually(lambda: lets_in(url), 5)
        await broker_here(world, "users", "remove", "passing")
        await eventually(lambda: is_kept_out(url), 5)
        await bystander.publish("energy/readings/a/sensor-a1", b"{}")


async def test_password_from_a_file_and_into_a_file_is_not_shown(world: World, tmp_path: Path) -> None:
    given, into = tmp_path / "given", tmp_path / "into"
    given.write_text("chosen-by-somebody\n")
    status, said = await broker_here(
        world,
        "users",
        "add",
        "quiet",
        "--role",
        "viewer",
        "--password-file",
        str(given),
        "--password-to",
        str(into),
    )
    assert status == 0
    assert "chosen-by-somebody" not in said
    assert into.read_text() == "chosen-by-somebody\n"
    assert stat.S_IMODE(into.stat().st_mode) == 0o600
    await broker_here(world, "users", "remove", "quiet")


async def test_stacks_own_users_are_changed_elsewhere(world: World) -> None:
    said = (await broker_here(world, "users", "rotate", "ingestor"))[1]
    assert said == (
        "broker users rotate: the password of ingestor is kept in .env; "
        "change it with `scripts/passwords rotate`\n"
    )
    assert "one of the stack's own" in (await broker_here(world, "users", "remove", "viewer"))[1]


HOSTILE = (
    "",
    "+",
    "#",
    "$SYS",
    "a/b",
    "a/+",
    "..",
    "../acl",
    "-rf",
    "a b",
    "a:b",
    "a\nuser ingestor",
    "a\rb",
    "x\ntopic readwrite #",
    "a\x00b",
    "é",
    "\u202ea",
    "x" * 65,
    "%u",
    "%c",
    "*",
    "'; rm -rf /",
    "a\tb",
)


# What a shell, an encoding or an option might do to a name on its way; and a line of its own.
ALSO_AS_USERS_DO = ("", "-rf", "é", "\u202ea", "x\ntopic readwrite #")


@pytest.mark.parametrize("name", HOSTILE)
async def test_name_that_could_mean_more_is_rejected_and_nothing_written(world: World, name: str) -> None:
    before = {file.name: file.read_bytes() for file in world.users.iterdir()}
    for way in (broker_here, broker) if name in ALSO_AS_USERS_DO else (broker_here,):
        status, said = await way(world, "users", "add", "--role=viewer", "--", name)
        assert status == 2, said
        assert "Traceback" not in said
    with pytest.raises(ValidationError):
        Account(name=name, role="viewer")
    if name != "+":
        with pytest.raises(ValidationError):
            Account(name="fine", role="gateway", sites=(name,))
    assert {file.name: file.read_bytes() for file in world.users.iterdir()} == before


@pytest.mark.parametrize("name", ["x\ntopic readwrite #", "a\nuser ingestor"])
def test_without_the_check_of_names_a_line_would_slip_into_the_access_list(name: str) -> None:
    account = Account.model_construct(name=name, role="viewer", sites=("+",), managed=False)
    lines = "\n".join(account.access_list("energy")).splitlines()
    assert name.splitlines()[1] in lines


@pytest.mark.parametrize(
    "password", ["", *(f"long-enough{sign}x" for sign in " :\né"), "a\nroot:x", "x" * 201]
)
def test_password_that_would_break_the_file_is_rejected(password: str) -> None:
    with pytest.raises(AccountsError, match="the password of one must have 12 to 200 letters, digits"):
        hash_passwords({"one": password})


def is_hash_of(password: str, line: str) -> bool:
    """Whether Mosquitto's form says so: kind, iterations, salt and key."""
    _, kind, iterations, salt, key = line.split("$")
    assert (kind, iterations, len(b64decode(salt))) == ("7", "101", 12)
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), b64decode(salt), int(iterations))
    return made == b64decode(key)


def test_passwords_are_hashed_as_mosquittos_own_tool_does(tmp_path: Path) -> None:
    file, password = tmp_path / "passwords", "p" * 12
    tool = find_program("mosquitto_passwd")
    subprocess.run([tool, "-c", "-b", str(file), "one", password], check=True)  # noqa: S603 - Mosquitto's own
    theirs = file.read_text().strip().removeprefix("one:")
    ours = hash_passwords({"one": password})["one"]
    assert is_hash_of(password, theirs)
    assert is_hash_of(password, ours)
    assert not is_hash_of("another-one-", ours)
    assert ours != hash_passwords({"one": password})["one"]


async def with_a_short_password(world: World, folder: Path, *command: str) -> tuple[int, str]:
    given = folder / "given"
    given.write_text("a\n")
    return await broker_here(world, "users", *command, "--password-file", str(given))


async def test_short_password_is_rejected_for_a_new_user_and_for_one_that_is_there(
    world: World, tmp_path: Path
) -> None:
    rule = "must have 12 to 200 letters, digits and . _ - ~\n"
    status, said = await with_a_short_password(world, tmp_path, "add", "brief", "--role", "viewer")
    assert (status, said) == (1, f"broker users add: the password of brief {rule}")
    await broker_here(world, "users", "add", "brief", "--role", "viewer")
    status, said = await with_a_short_password(world, tmp_path, "rotate", "brief")
    assert (status, said) == (1, f"broker users rotate: the password of brief {rule}")
    await broker_here(world, "users", "remove", "brief")


async def test_without_a_least_length_one_guess_would_let_a_stranger_in(world: World, tmp_path: Path) -> None:
    with PASSWORD_PATTERN.replace(re.compile(r"[a-z]{1,200}")):
        assert (await with_a_short_password(world, tmp_path, "add", "brief", "--role", "viewer"))[0] == 0
    url = world.servers.accounts.mqtt_url("brief", "a", world.servers.mqtt_port)
    await eventually(lambda: lets_in(url), 5)
    await broker_here(world, "users", "remove", "brief")


def test_passwords_are_kept_hashed_and_readable_by_their_owner_only(world: World) -> None:
    known = [*world.passwords.values(), *world.servers.accounts.passwords.values()]
    for file in world.users.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert not [each for each in known if each in file.read_text()], file
    assert stat.S_IMODE(world.users.stat().st_mode) == 0o700


def test_copy_of_the_register_is_for_others_and_says_no_more_than_the_register(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy" / "register.json"
    monkeypatch.setenv("ENERGY_BROKER_REGISTER_COPY", str(copy))
    account = Account(name="one", role="sensor", sites=("a",))
    with pytest.raises(AccountsError, match="cannot be written"), open_accounts(tmp_path / "users", "energy"):
        pass
    copy.parent.mkdir()
    with open_accounts(tmp_path / "users", "energy") as store:
        store.put(account, None)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o644
    assert copy.read_text() == (tmp_path / "users" / "register.json").read_text()
    assert Register(copy).sites == {"one": "a"}


def test_sensor_of_all_sites_is_rejected() -> None:
    for sites in (("+",), ("a", "b")):
        with pytest.raises(ValidationError, match="a sensor belongs to one site"):
            Account(name="x", role="sensor", sites=sites)


def test_register_that_is_damaged_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "register.json").write_text("[{")
    with pytest.raises(AccountsError, match=r"register\.json cannot be read; put it back from a copy"):
        AccountStore(tmp_path, "energy")
    with pytest.raises(AccountsError), open_accounts(tmp_path, "energy"):
        pass
    assert (tmp_path / "register.json").read_text() == "[{"
