"""A node's ledger: any bytes as the file that ``monitor verify`` reads, and that the next node appends to.

Each line is counted once, and nothing is in the result that is in no line. What is appended is read back.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker.ledger import AttemptEntry, ExpectedAlarmEntry, MalformedEntry, OutcomeEntry, entry_adapter
from broker.messages import Reading
from broker.topics import SensorKey
from monitor.verify.attempts import Attempts
from monitor.verify.ledger_reader import LedgerFileError, read_ledgers
from sensor_node.outbox.ledger import open_ledger
from sensor_node.outbox.outbox import OutboxEntry
from tests.fuzz.oracles import assert_is_sentence

_READING = (
    b'{"event":"invoke","site":"lari","reading":{"sensor_id":"S-1","value_kwh":1.5,'
    b'"timestamp":"2026-11-23T10:00:00.123Z","location":null,"sequence":7}}\n'
)
_KNOWN = b'{"event":"confirmed","site":"lari","sensor_id":"S-1","sequences":[[1,10]]}\n'
_TRUTH = b',"faults":["peak"],"must":{"fate":"stored","flagged":true,"late":false,"copies":2}}'
_MALFORMED = (
    b'{"event":"malformed","site":"lari","sensor_id":"S-1","at":"2026-11-23T10:00:00.123Z","digest":"'
    + b"0" * 64
    + b'","faults":["nan"],"must":{"fate":"rejected","kind":"invalid"}}\n'
)
_TROUBLE = (
    b'{"event":"trouble","site":"lari","sensor_id":"S-1","rule":"silent",'
    b'"begins":"2026-11-23T10:00:00Z","ends":"2026-11-23T10:01:00Z","must":true}\n'
)
SEEDS = (
    b"",
    _READING + _KNOWN,
    _READING + _READING[:40],
    _READING * 2 + _READING.replace(b"1.5", b"2.5"),
    _READING + _KNOWN.replace(b"confirmed", b"rejected") + _KNOWN.replace(b"confirmed", b"unknown"),
    _READING.replace(b"invoke", b"refused"),
    _READING.replace(b"2026-11-23T10:00:00.123Z", b"0001-01-01T00:00:00+14:00"),
    _READING.replace(b"2026-11-23T10:00:00.123Z", b"9999-12-31T23:59:59-14:00"),
    _READING.replace(b"1.5", b"NaN"),
    _READING.replace(b"1.5", b"9" * 4300),
    _READING.replace(b"S-1", b"S\xe2\x80\xae1"),
    _READING.replace(b"null", b'"\\ud800"'),
    _READING + _KNOWN.replace(b"[[1,10]]", b"[[9223372036854775807,0],[0,9223372036854775807]]"),
    _READING + _KNOWN.replace(b"[[1,10]]", b"[" + b",".join([b"[0,9]"] * 10_000) + b"]"),
    _READING.replace(b"\n", b"\r\n") * 2,
    _READING.replace(b'"site":"lari"', b'"site":"lari","site":"annex"'),
    _READING.replace(b"}\n", _TRUTH + b"\n") + _MALFORMED * 2 + _TROUBLE,
    _READING.replace(b"invoke", b"withheld").replace(b"}\n", b',"must":{"fate":"absent"}}\n'),
    _READING + _MALFORMED.replace(b"2026-11-23T10:00:00.123Z", b"0001-01-01T00:00:00+14:00"),
    _READING + _TROUBLE.replace(b"2026-11-23T10:01:00Z", b"9999-12-31T23:59:59-14:00"),
    _READING.replace(b"invoke", b"refused").replace(
        b"2026-11-23T10:00:00.123Z", b"0001-01-01T00:00:00+14:00"
    ),
    _MALFORMED,
    _TROUBLE,
    b"[" * 60_000,
    b"\xff\xfe\x00" * 100,
    b"\n" * 500 + _READING,
)
TOKENS = tuple(
    b'"event":"invoke" "event":"refused" "event":"confirmed" "event":"rejected" '
    b'"event":"unknown" "event":"withheld" "event":"malformed" "event":"trouble" '
    b'"must":{"fate":"stored"} "site":"lari" "reading":{ "sensor_id":"S-1" "sequences":[[1,10]] '
    b'"timestamp": "sequence": 0001-01-01T00:00:00+14:00'.split()
)
_place = SensorKey("lari", "Fuzzer-1")


def check(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.jsonl"
        file.write_bytes(data)
        before = _read(file, data)
        if data[-1:] == b"\n" and len(data) % 8:
            return  # appending takes most of the time; of whole lines, some are enough
        asyncio.run(_append(file))
        after = _read(file, file.read_bytes())
        assert file.read_bytes().startswith(data), "what was written before is gone"
        assert after is not None, "what a node appends is not found"
        assert len(after.by_identity) == len(before.by_identity if before else ()) + (not _is_in(before))


def _is_in(tries: Attempts | None) -> bool:
    return tries is not None and any(each.sensor_id == _place.name for each in tries.by_identity)


def _read(file: Path, data: bytes) -> Attempts | None:
    """What is in a ledger; None if it is rejected."""
    try:
        tries = read_ledgers([file])
    except LedgerFileError as error:
        assert_is_sentence(str(error))
        tries = None
    lines = data.split(b"\n")
    entries = [each for each in map(_entry, lines) if each is not None]
    attempts = [each for each in entries if each["event"] in {"invoke", "withheld"}]
    malformed = [each for each in entries if each["event"] == "malformed"]
    not_sent = sum(each["event"] == "refused" for each in entries)
    if tries is None:
        assert not attempts
        assert not not_sent, "a ledger with readings is rejected"
        assert not malformed, "a ledger with payloads is rejected"
        return None
    assert tries.not_sent == not_sent
    assert sum(len(each.moments) for each in tries.payloads.values()) == len(malformed)
    assert len(tries.absences) == sum(each["event"] == "trouble" for each in entries)
    assert {each.expected for each in tries.by_identity.values()} <= {_fate(each) for each in attempts}
    assert tries.torn == len(lines) - (lines[-1] == b"") - len(entries), "a line is not counted"
    said = {(each["site"], each["reading"]["sensor_id"], each["reading"]["value_kwh"]) for each in attempts}
    kept = {(tried.site, name.sensor_id, tried.value_kwh) for name, tried in tries.by_identity.items()}
    assert kept <= said, "something is in it that nobody wrote"
    assert bool(attempts) == bool(kept)
    known = {each["event"] for each in entries if "sequences" in each} | {"unknown"}
    assert {tried.reported for tried in tries.by_identity.values()} <= known
    assert all(-(2**63) <= tried.sequence < 2**63 for tried in tries.by_identity.values())
    return tries


def _entry(line: bytes) -> dict[str, Any] | None:
    """What a line says; None if it is no entry, or of no time that there is in UTC."""
    try:
        entry = entry_adapter.validate_json(line)
        said: dict[str, Any] = json.loads(line)
        for moment in _moments(entry):
            moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return said


def _moments(entry: AttemptEntry | MalformedEntry | ExpectedAlarmEntry | OutcomeEntry) -> Iterable[datetime]:
    if isinstance(entry, AttemptEntry):
        return (entry.reading.timestamp,)
    if isinstance(entry, MalformedEntry):
        return (entry.at,)
    return (entry.begins, entry.ends) if isinstance(entry, ExpectedAlarmEntry) else ()


def _fate(attempt: dict[str, Any]) -> str | None:
    return attempt["must"]["fate"] if attempt.get("must") else None


async def _append(file: Path) -> None:
    reading = Reading(
        sensor_id=_place.name, value_kwh=1.0, timestamp=datetime(2026, 11, 23, tzinfo=UTC), sequence=3
    )
    async with open_ledger(file) as ledger:
        await ledger.attempts("invoke", [OutboxEntry(_place, 3, reading.model_dump_json().encode())])
        await ledger.outcome("confirmed", _place, [(3, 3)])
