"""An outbox that survives its process: the same as in memory, with an SQLite file behind it.

A reading is in the file, synced, before it is sent. A lock file keeps a second node out.
"""

import asyncio
import contextlib
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiosqlite

from broker.messages import Reading
from broker.topics import SensorKey
from sensor_node.outbox.in_flight import EntryKey
from sensor_node.outbox.ledger import Ledger
from sensor_node.outbox.outbox import Full, Outbox, OutboxEntry

# The lock file keeps others out. In exclusive mode SQLite needs no room on the disk to open a file; with a
# short log, more of the room is for readings.
SCHEMA = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA wal_autocheckpoint = 32;
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
INSERT_READING = "INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?)"
INSERT_LAST_SEQUENCE = "INSERT OR REPLACE INTO meters VALUES (?, ?, ?)"
DELETE_READING = "DELETE FROM readings WHERE site = ? AND sensor_id = ? AND sequence = ?"
# More than any meter reaches, and far below the limit of a reading.
MAX_SEQUENCE = 2**62
REMEDY = "move it away or name another"
# A full disk; what a quota or a limit of file sizes stops is an I/O error.
NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
PRIMARY_CODE = 0xFF

Row = tuple[object, ...]


class OutboxError(Exception):
    """Raised when the outbox file cannot be used."""


class OutboxTakenError(OutboxError):
    """Raised when another node uses the outbox file."""


@contextlib.asynccontextmanager
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
            outbox = DurableOutbox(limit, ledger, await _connect(path), path)
            try:
                await outbox.load()
                yield outbox
            finally:
                await outbox.close()
    except BlockingIOError:
        raise OutboxTakenError(f"another sensor node uses the outbox {path}") from None
    except aiosqlite.Error as error:
        raise _unusable(path, error) from error
    except OSError as error:
        raise OutboxError(f"the outbox {path} cannot be used ({error.strerror}); name another") from error


async def _connect(path: Path) -> aiosqlite.Connection:
    return await aiosqlite.connect(path, isolation_level=None)


def _unusable(path: Path, error: aiosqlite.Error) -> OutboxError:
    return OutboxError(f"the outbox {path} cannot be used ({error}); {REMEDY}")


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
        self._to_delete: list[Row] = []

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

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()

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

    async def _write(self, readings: Sequence[OutboxEntry]) -> Full | None:
        rows: list[Row] = [(*each.sensor_key, each.sequence, each.payload) for each in readings]
        changes = [(INSERT_READING, rows), (INSERT_LAST_SEQUENCE, [row[:3] for row in rows])]
        if await self._change(changes) is None:
            return None
        await self._make_room()
        problem = await self._change(changes)
        return None if problem is None else Full(f"{self._path}: {problem}", "Make room on its disk.")

    async def _delete(self, keys: Sequence[EntryKey]) -> None:
        # Without room on the disk, nothing can be deleted either; it is tried again with the next ones.
        self._to_delete += [(*sensor_key, sequence) for sensor_key, sequence in keys]
        if await self._change([(DELETE_READING, self._to_delete)]) is None or await self._begin_anew():
            self._to_delete.clear()

    async def _begin_anew(self) -> bool:
        """Begin a new file if all in this one is confirmed; on a full disk, nothing can be deleted in it."""
        async with self._write_lock:
            try:
                ((left,),) = await self._database.execute_fetchall("SELECT count(*) FROM readings")
                if left != len(self._to_delete):
                    return False
                last = await self._database.execute_fetchall("SELECT * FROM meters")
                await self._database.close()
                for name in (self._path.name, f"{self._path.name}-wal"):
                    self._path.with_name(name).unlink(missing_ok=True)
                self._database = await _connect(self._path)
                await self._database.executescript(SCHEMA)
                await self._database.executemany(INSERT_LAST_SEQUENCE, last)
            except aiosqlite.Error as error:
                raise _unusable(self._path, error) from error
        return True

    async def _change(self, changes: Sequence[tuple[str, list[Row]]]) -> str | None:
        """Change the file, all or nothing; return what is wrong if there is no room for it."""
        async with self._write_lock:
            try:
                await self._database.execute("BEGIN")
                for statement, rows in changes:
                    await self._database.executemany(statement, rows)
                await self._database.execute("COMMIT")
            except aiosqlite.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE not in NO_ROOM:
                    raise _unusable(self._path, error) from error
                # SQLite may have done so already.
                with contextlib.suppress(aiosqlite.Error):
                    await self._database.execute("ROLLBACK")
                return str(error)
        return None

    async def _make_room(self) -> None:
        """Move what SQLite has in its log to the file, where deleted readings have left room."""
        async with self._write_lock:
            with contextlib.suppress(aiosqlite.Error):
                await self._database.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
