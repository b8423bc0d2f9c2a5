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

from broker.topics import Place
from sensor_node.ledger import Ledger
from sensor_node.outbox import Kept, Key, Outbox

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
            _take(lock, path)
            async with aiosqlite.connect(path, isolation_level=None) as database:
                await database.executescript(SCHEMA)
                outbox = DurableOutbox(limit, ledger, database)
                await outbox.load()
                yield outbox
    except aiosqlite.Error as error:
        raise OutboxError(
            f"the outbox {path} cannot be used ({error}); move it away or name another"
        ) from error
    except OSError as error:
        raise OutboxError(f"the outbox {path} cannot be used ({error.strerror}); name another") from error


def _take(lock: TextIO, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutboxTakenError(f"another sensor node uses the outbox {path}") from None


class DurableOutbox(Outbox):
    """An outbox with a file behind it.

    Args:
        limit: Most readings to keep.
        ledger: Told of everything that is kept.
        database: The open file.
    """

    def __init__(self, limit: int, ledger: Ledger, database: aiosqlite.Connection) -> None:
        super().__init__(limit, ledger)
        self._database = database
        self._transaction = asyncio.Lock()

    async def load(self) -> None:
        """Take up what an earlier process did not see confirmed."""
        rows = await self._database.execute_fetchall(
            "SELECT site, sensor_id, sequence, payload FROM readings ORDER BY sequence"
        )
        for site, sensor_id, sequence, payload in rows:
            reading = Kept(Place(site, sensor_id), sequence, payload)
            self._kept[reading.place, sequence] = reading
        # The earlier process may have died before it could note them.
        await self._ledger.invoke(self._kept.values())
        self.send_again()

    async def last_sequence(self, place: Place) -> int:
        """The highest sequence that a meter ever used; -1 if there is none."""
        rows = await self._database.execute_fetchall(
            "SELECT last FROM meters WHERE site = ? AND sensor_id = ?", tuple(place)
        )
        return next((int(row[0]) for row in rows), -1)

    async def _write(self, readings: Sequence[Kept]) -> None:
        rows = [(*reading.place, reading.sequence, reading.payload) for reading in readings]
        async with self._in_one_write():
            await self._database.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?)", rows)
            await self._database.executemany(
                "INSERT OR REPLACE INTO meters VALUES (?, ?, ?)", [row[:3] for row in rows]
            )

    async def _delete(self, keys: Sequence[Key]) -> None:
        async with self._in_one_write():
            await self._database.executemany(
                "DELETE FROM readings WHERE site = ? AND sensor_id = ? AND sequence = ?",
                [(*place, sequence) for place, sequence in keys],
            )

    @asynccontextmanager
    async def _in_one_write(self) -> AsyncIterator[None]:
        async with self._transaction:
            await self._database.execute("BEGIN")
            yield
            await self._database.execute("COMMIT")
