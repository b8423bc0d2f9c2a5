"""The ledger: what a node has tried and what must come of it, on disk before it is tried.

It is no part of the delivery: no node ever reads it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from broker.ledger import (
    AttemptEvent,
    ExpectedAlarmEntry,
    MalformedEntry,
    OutcomeEntry,
    OutcomeEvent,
    format_attempt,
)
from broker.messages import SequenceRange, to_ranges
from broker.topics import SensorKey

if TYPE_CHECKING:
    from sensor_node.outbox.outbox import OutboxEntry


class LedgerWriteError(Exception):
    """Raised when the ledger cannot be written: nothing may be sent that is not in it."""


class Ledger:
    """Appends to a ledger file. What a call wrote is on the disk when the call returns.

    Args:
        file: The descriptor of an open file; None for no ledger, which writes nothing.
    """

    def __init__(self, file: int | None = None) -> None:
        self._file = file
        self._writing = asyncio.Lock()

    async def invoke(self, readings: Iterable["OutboxEntry"]) -> None:
        """Note readings that will be sent."""
        await self._attempts("invoke", readings)

    async def dropped(self, readings: Iterable["OutboxEntry"]) -> None:
        """Note readings that found no room in the outbox."""
        await self._attempts("refused", readings)

    async def withheld(self, readings: Iterable["OutboxEntry"]) -> None:
        """Note readings that were made and will never be sent."""
        await self._attempts("withheld", readings)

    async def _attempts(self, event: AttemptEvent, readings: Iterable["OutboxEntry"]) -> None:
        if self._file is not None:
            await self._append_lines(
                [format_attempt(event, each.sensor_key.site, each.payload, each.truth) for each in readings]
            )

    async def append(self, entries: Sequence[MalformedEntry | ExpectedAlarmEntry]) -> None:
        """Note what will be sent though it is no reading, and what an alarm has to tell of."""
        if self._file is not None:
            await self._append_lines(
                [each.model_dump_json(exclude_defaults=True).encode() + b"\n" for each in entries]
            )

    async def outcome(
        self, event: OutcomeEvent, place: SensorKey, sequences: Sequence[SequenceRange]
    ) -> None:
        """Note what became of readings."""
        if self._file is not None and sequences:
            outcome = OutcomeEntry(event=event, site=place.site, sensor_id=place.name, sequences=[*sequences])
            await self._append_lines([outcome.model_dump_json().encode() + b"\n"])

    async def mark_unknown(self, open_readings: Iterable["OutboxEntry"]) -> None:
        """Note of readings that are still in the outbox that their outcome is unknown."""
        left = sorted((each.sensor_key, each.sequence) for each in open_readings)
        for place, rows in groupby(left, key=lambda row: row[0]):
            await self.outcome("unknown", place, to_ranges(sequence for _, sequence in rows))

    async def _append_lines(self, lines: Sequence[bytes]) -> None:
        if lines and self._file is not None:
            async with self._writing:
                await asyncio.to_thread(_write_synced, self._file, b"".join(lines))


def _write_synced(file: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
    except OSError as error:
        raise LedgerWriteError(f"the ledger cannot be written ({error.strerror}); name another") from error


@asynccontextmanager
async def open_ledger(path: Path | None) -> AsyncIterator[Ledger]:
    """Open a ledger for appending, made if it is missing; None for no ledger.

    Raises:
        LedgerError: It cannot be made or written.
    """
    if path is None:
        yield Ledger()
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise LedgerWriteError(
            f"the ledger {path} cannot be used ({error.strerror}); name another"
        ) from error
    try:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            # A process died while it wrote: what it left is no entry, and ours begins on a new line.
            _write_synced(file, b"\n")
        yield Ledger(file)
    finally:
        os.close(file)
