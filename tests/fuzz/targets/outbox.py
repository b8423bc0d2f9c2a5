"""A node's outbox file, damaged: any bytes over a good one, or SQL that somebody ran on it.

It is rejected in one sentence, or what is read are readings that agree with their rows, in the order of their
sequences. What a meter goes on with is no number that the file has used.

An input is either SQL behind ``sql:``, or patches: two bytes for the place, one for the new byte.
"""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from broker.messages import Reading
from broker.program.escape import escape_text
from broker.topics import SensorKey
from sensor_node.outbox.durable import SCHEMA, OutboxError, open_outbox
from sensor_node.outbox.ledger import Ledger
from sensor_node.outbox.outbox import OutboxEntry
from tests.fuzz.oracles import assert_is_sentence

_PAYLOAD = b'{"sensor_id":"S-1","value_kwh":1.82,"timestamp":"2026-11-23T10:00:00.123Z","sequence":%d}'
PLACE, COUNT = SensorKey("lari", "S-1"), 5
WHOLE = b"whole:"
SQL = b"sql:"
SEEDS = (
    b"",
    WHOLE,
    WHOLE + b"damaged",
    WHOLE + b"SQLite format 3\0" + b"\xff" * 5_000,
    b"\0\x1c\xff",
    b"\0\x12\x05",
    b"\0\x64\xff\0\x65\xff",
    b"\x10\x05\xff",
    *(
        SQL + statement
        for statement in (
            b"UPDATE readings SET site = 5",
            b"UPDATE readings SET site = NULL",
            b"UPDATE readings SET site = 'a/+'",
            b"UPDATE readings SET sensor_id = 'S-2'",
            b"UPDATE readings SET sensor_id = CAST(x'ff' AS TEXT)",
            b"UPDATE readings SET sequence = 'x' || sequence",
            b"UPDATE readings SET sequence = sequence + 0.5",
            b"UPDATE readings SET sequence = -sequence - 1",
            b"UPDATE readings SET sequence = sequence + 100",
            b"UPDATE readings SET payload = NULL",
            b"UPDATE readings SET payload = 'text'",
            b"UPDATE readings SET payload = x'7b7d'",
            b"UPDATE readings SET payload = zeroblob(100000)",
            b"UPDATE readings SET payload = CAST(payload AS TEXT)",
            b"UPDATE readings SET payload = CAST(payload || char(10) AS BLOB)",
            b"UPDATE meters SET last = 'many'",
            b"UPDATE meters SET last = NULL",
            b"UPDATE meters SET last = -7",
            b"UPDATE meters SET last = 1e300",
            b"UPDATE meters SET last = 0",
            b"DELETE FROM readings",
            b"DELETE FROM meters",
            b"DROP TABLE readings",
            b"DROP TABLE meters; CREATE TABLE meters (nothing)",
            b"DROP TABLE readings; CREATE TABLE readings (site, sensor_id, sequence, payload)",
            b"ALTER TABLE readings RENAME COLUMN payload TO load",
            b"PRAGMA user_version = 99",
        )
    ),
)
TOKENS = tuple(
    b"sql: whole: UPDATE readings meters SET sequence site sensor_id payload last = NULL x'ff' CAST( AS BLOB)"
    b" DELETE FROM DROP TABLE ALTER 0.5 -1".split()
)


def _make() -> bytes:
    """A good outbox with some readings."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "outbox.db"
        with closing(sqlite3.connect(file)) as database:
            database.executescript(SCHEMA)
            rows = [(*PLACE, number, _PAYLOAD % number) for number in range(COUNT)]
            database.executemany("INSERT INTO readings VALUES (?, ?, ?, ?)", rows)
            database.execute("INSERT INTO meters VALUES (?, ?, ?)", (*PLACE, COUNT - 1))
            database.commit()
        return file.read_bytes()


GOOD = _make()


def check(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "outbox.db"
        is_touched = _damage(file, data)
        try:
            kept, last = asyncio.run(_open(file))
        except OutboxError as error:
            # What SQLite says may hold what is damaged; it is shown like all that comes from outside.
            assert_is_sentence(escape_text(str(error)), 5000)
            assert is_touched, f"a good file is rejected: {error}"
            return
    for each in kept:
        reading = Reading.model_validate_json(each.payload)
        assert each.sensor_key == ("lari", "S-1") or each.sensor_key.is_valid
        assert (reading.sensor_id, reading.sequence) == (each.sensor_key.name, each.sequence)
        assert b"\n" not in each.payload, "it would be two lines of a ledger"
    assert [each.sequence for each in kept] == sorted(each.sequence for each in kept)
    assert last >= max((each.sequence for each in kept if each.sensor_key == PLACE), default=-1)
    assert is_touched or (len(kept), last) == (COUNT, COUNT - 1), "something is lost"


def _damage(file: Path, data: bytes) -> bool:
    """Write the damaged file; whether it is another one than the good one."""
    if data.startswith(WHOLE):
        file.write_bytes(data.removeprefix(WHOLE))
        return True
    if data.startswith(SQL):
        file.write_bytes(GOOD)
        _run(file, data.removeprefix(SQL).decode(errors="replace"))
        return True
    damaged = bytearray(GOOD)
    for start in range(0, len(data) - 2, 3):
        damaged[int.from_bytes(data[start : start + 2]) % len(GOOD)] = data[start + 2]
    file.write_bytes(damaged)
    return bytes(damaged) != GOOD


def _run(file: Path, statements: str) -> None:
    with closing(sqlite3.connect(file)) as database:
        # Nothing that goes on for ever, and no other files.
        database.set_authorizer(lambda action, *_: 1 if action in {24, 25} else 0)
        database.set_progress_handler(lambda: 1, 100_000)
        try:
            database.executescript(statements)
        except (sqlite3.Error, sqlite3.Warning, ValueError):
            return


async def _open(file: Path) -> tuple[list[OutboxEntry], int]:
    async with open_outbox(file, 1_000, Ledger()) as outbox:
        return list(outbox.entries), await outbox.last_sequence(PLACE)
