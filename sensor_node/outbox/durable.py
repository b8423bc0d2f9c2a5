"""An outbox that survives its process: the same as in memory, and an SQLite file behind it.

A reading is in the file, synced, before it is sent. A lock beside the file keeps a second node out.
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO

import aiosqlite

from broker.messages import Reading
from broker.topics import SensorKey
from sensor_node.outbox.ledger import Ledger
from sensor_node.outbox.outbox import EntryKey, Outbox, OutboxEntry

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS readings (
    site TEXT, sensor_id TEXT, sequence INTEGER, payload BLOB, PRIMARY KEY (site, sensor_id, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meters (
    site TEXT, sensor_id TEXT, last INTEGER, PRIMARY KEY (site, sensor_id)
) WITHOUT ROWID;
"""
SELECT_READINGS = "SELECT site, sensor_id, sequence, payload FROM readings ORDER BY sequence"
SELECT_LAST_SEQUENCE = "SELECT last FROM meters WHERE site = ? AND sensor_id = ?"
SELECT_NEWEST_SEQUENCE = (
    "SELECT sequence FROM readings WHERE site = ? AND sensor_id = ? ORDER BY sequence DESC LIMIT 1"
)
# So many that no meter ever comes there, and far below what a reading may have.
MAX_SEQUENCE = 2**62
REMEDY = "move it away or name another"


class OutboxError(Exception):
    """Raised when the outbox file cannot be used."""


class OutboxTakenError(OutboxError):
    """Raised when another node uses the outbox file."""


@asynccontextmanager
async def open_outbox(path: Path, limit: int, ledger: Ledger) -> AsyncIterator["DurableOutbox"]:
    """Open an outbox file, made if it is missing, and what an earlier process left in it.

    Raises:
        OutboxTakenError: Another process has it open.
        OutboxError: It cannot be made, read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("w") as lock:
            _lock_file(lock, path)
            async with aiosqlite.connect(path, isolation_level=None) as database:
                outbox = DurableOutbox(limit, ledger, database, path)
                await outbox.load()
                yield outbox
    except aiosqlite.Error as error:
        raise OutboxError(f"the outbox {path} cannot be used ({error}); {REMEDY}") from error
    except OSError as error:
        raise OutboxError(f"the outbox {path} cannot be used ({error.strerror}); name another") from error


def _lock_file(lock: TextIO, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutboxTakenError(f"another sensor node uses the outbox {path}") from None


def _read(site: object, sensor_id: object, sequence: object, payload: object) -> OutboxEntry:
    """Read a row of the file, in which a damage may have left anything.

    Raises:
        ValueError: It is no reading, or not that of its row.
    """
    if not (isinstance(payload, bytes) and isinstance(site, str) and isinstance(sequence, int)):
        raise ValueError("another type")  # noqa: TRY004 - as of all that is wrong with a row
    reading = Reading.model_validate_json(payload)
    place = SensorKey(site, reading.sensor_id)
    is_its_own = (reading.sensor_id, reading.sequence) == (sensor_id, sequence)
    if not (is_its_own and place.is_valid and sequence < MAX_SEQUENCE) or b"\n" in payload:
        raise ValueError("another reading")
    return OutboxEntry(place, sequence, payload)


class DurableOutbox(Outbox):
    """An outbox with a file behind it.

    Args:
        limit: Most readings to keep.
        ledger: Told of everything that is kept.
        database: The open file.
        path: Where it is.
    """

    def __init__(self, limit: int, ledger: Ledger, database: aiosqlite.Connection, path: Path) -> None:
        super().__init__(limit, ledger)
        self._database = database
        self._path = path
        self._write_lock = asyncio.Lock()

    async def load(self) -> None:
        """Take up what an earlier process did not see confirmed.

        Raises:
            OutboxError: The file is damaged.
        """
        try:
            await self._database.executescript(SCHEMA)
            rows = await self._database.execute_fetchall(SELECT_READINGS)
            for row in rows:
                reading = _read(*row)
                self._entries[reading.sensor_key, reading.sequence] = reading
        except ValueError as error:
            # One that is no UTF-8 is what SQLite says of a damage, with the damage in it.
            raise OutboxError(f"the outbox {self._path} is damaged; {REMEDY}") from error
        # The earlier process may have died before it could note them.
        await self.ledger.invoke(self._entries.values())
        self.send_again()

    async def last_sequence(self, place: SensorKey) -> int:
        """The highest sequence that a meter ever used; -1 if there is none.

        Raises:
            OutboxError: The file is damaged.
        """
        used = [-1]
        try:
            for question in (SELECT_LAST_SEQUENCE, SELECT_NEWEST_SEQUENCE):
                used += [row[0] for row in await self._database.execute_fetchall(question, tuple(place))]
        except UnicodeDecodeError:
            used.append(MAX_SEQUENCE)
        if not all(type(each) is int and each < MAX_SEQUENCE for each in used):
            raise OutboxError(f"the outbox {self._path} is damaged; {REMEDY}")
        return max(used)

    async def _write(self, readings: Sequence[OutboxEntry]) -> None:
        rows = [(*reading.sensor_key, reading.sequence, reading.payload) for reading in readings]
        async with self._in_transaction():
            await self._database.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?)", rows)
            await self._database.executemany(
                "INSERT OR REPLACE INTO meters VALUES (?, ?, ?)", [row[:3] for row in rows]
            )

    async def _delete(self, keys: Sequence[EntryKey]) -> None:
        async with self._in_transaction():
            await self._database.executemany(
                "DELETE FROM readings WHERE site = ? AND sensor_id = ? AND sequence = ?",
                [(*place, sequence) for place, sequence in keys],
            )

    @asynccontextmanager
    async def _in_transaction(self) -> AsyncIterator[None]:
        async with self._write_lock:
            await self._database.execute("BEGIN")
            yield
            await self._database.execute("COMMIT")
