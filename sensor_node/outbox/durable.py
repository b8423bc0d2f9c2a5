"""An outbox that survives its process: the same as in memory, with an SQLite file behind it.

A reading is in the file, synced, before it is sent. A lock file keeps a second node out.
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

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
# More than any meter reaches, and far below the limit of a reading.
MAX_SEQUENCE = 2**62
REMEDY = "move it away or name another"


class OutboxError(Exception):
    """Raised when the outbox file cannot be used."""


class OutboxTakenError(OutboxError):
    """Raised when another node uses the outbox file."""


@asynccontextmanager
async def open_outbox(path: Path, limit: int, ledger: Ledger) -> AsyncIterator["DurableOutbox"]:
    """Open an outbox file, or create it, and load what an earlier process left in it.

    Raises:
        OutboxTakenError: Another process has it open.
        OutboxError: It cannot be created, read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            async with aiosqlite.connect(path, isolation_level=None) as database:
                outbox = DurableOutbox(limit, ledger, database, path)
                await outbox.load()
                yield outbox
    except BlockingIOError:
        raise OutboxTakenError(f"another sensor node uses the outbox {path}") from None
    except aiosqlite.Error as error:
        raise OutboxError(f"the outbox {path} cannot be used ({error}); {REMEDY}") from error
    except OSError as error:
        raise OutboxError(f"the outbox {path} cannot be used ({error.strerror}); name another") from error


def _read(site: object, sensor_id: object, sequence: object, payload: object) -> OutboxEntry:
    """Check a row of the file, which may be damaged; a ValueError means that it is."""
    if not (isinstance(payload, bytes) and isinstance(site, str) and isinstance(sequence, int)):
        raise ValueError("another type")  # noqa: TRY004 - one error for every damaged row
    reading = Reading.model_validate_json(payload)
    sensor_key = SensorKey(site, reading.sensor_id)
    is_its_own = (reading.sensor_id, reading.sequence) == (sensor_id, sequence)
    if not (is_its_own and sensor_key.is_valid and sequence < MAX_SEQUENCE) or b"\n" in payload:
        raise ValueError("another reading")
    return OutboxEntry(sensor_key, sequence, payload)


class DurableOutbox(Outbox):
    """An outbox with an SQLite file behind it."""

    is_durable = True

    def __init__(self, limit: int, ledger: Ledger, database: aiosqlite.Connection, path: Path) -> None:
        super().__init__(limit, ledger)
        self._database = database
        self._path = path
        self._write_lock = asyncio.Lock()

    async def load(self) -> None:
        """Load the readings of an earlier process that are not confirmed."""
        try:
            await self._database.executescript(SCHEMA)
            rows = await self._database.execute_fetchall(SELECT_READINGS)
            for row in rows:
                reading = _read(*row)
                self._entries[reading.sensor_key, reading.sequence] = reading
        except ValueError as error:
            # Among them UnicodeDecodeError: SQLite's error message contains the damage.
            raise OutboxError(f"the outbox {self._path} is damaged; {REMEDY}") from error
        # The earlier process may have died before it could record them.
        await self.ledger.attempts("invoke", self._entries.values())
        self.send_again()

    async def last_sequence(self, sensor_key: SensorKey) -> int:
        """The highest sequence that a meter ever used; -1 if there is none."""
        used = [-1]
        try:
            for question in (SELECT_LAST_SEQUENCE, SELECT_NEWEST_SEQUENCE):
                used += [row[0] for row in await self._database.execute_fetchall(question, tuple(sensor_key))]
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
                [(*sensor_key, sequence) for sensor_key, sequence in keys],
            )

    @asynccontextmanager
    async def _in_transaction(self) -> AsyncIterator[None]:
        async with self._write_lock:
            await self._database.execute("BEGIN")
            yield
            await self._database.execute("COMMIT")
