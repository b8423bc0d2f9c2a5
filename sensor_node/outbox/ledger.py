"""The ledger: every attempt and its expected outcome, on disk before the attempt is made.

Only `monitor verify` reads it; delivery does not depend on it.
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
    """Appends to a ledger file, if there is one; each call returns when its lines are on the disk."""

    def __init__(self, file: int | None = None) -> None:
        self._file = file
        self._writing = asyncio.Lock()

    async def attempts(self, event: AttemptEvent, readings: Iterable["OutboxEntry"]) -> None:
        """Record readings that will be sent, that found no room, or that will never be sent."""
        await self._append_lines(
            format_attempt(event, each.sensor_key.site, each.payload, each.truth) for each in readings
        )

    async def append(self, entries: Sequence[MalformedEntry | ExpectedAlarmEntry]) -> None:
        """Record malformed payloads that will be sent, and expected alarms."""
        await self._append_lines(
            each.model_dump_json(exclude_defaults=True).encode() + b"\n" for each in entries
        )

    async def outcome(
        self, event: OutcomeEvent, sensor_key: SensorKey, sequences: Sequence[SequenceRange]
    ) -> None:
        """Record the outcome of readings."""
        if self._file is not None and sequences:
            outcome = OutcomeEntry(
                event=event, site=sensor_key.site, sensor_id=sensor_key.name, sequences=[*sequences]
            )
            await self._append_lines([outcome.model_dump_json().encode() + b"\n"])

    async def mark_unknown(self, open_readings: Iterable["OutboxEntry"]) -> None:
        """Record that the outcome of readings still in the outbox is unknown."""
        left = sorted((each.sensor_key, each.sequence) for each in open_readings)
        for sensor_key, rows in groupby(left, key=lambda row: row[0]):
            await self.outcome("unknown", sensor_key, to_ranges(sequence for _, sequence in rows))

    async def _append_lines(self, lines: Iterable[bytes]) -> None:
        if self._file is not None and (data := b"".join(lines)):
            async with self._writing:
                await asyncio.to_thread(_write_synced, self._file, data)


def _write_synced(file: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
    except OSError as error:
        raise LedgerWriteError(
            f"the ledger cannot be written ({error.strerror}); make room, or name another"
        ) from error


@asynccontextmanager
async def open_ledger(path: Path | None) -> AsyncIterator[Ledger]:
    """Open a ledger for appending, or create it; None for a ledger that writes nothing."""
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
            # A process died while writing: its last line is no entry, and ours begins on a new line.
            _write_synced(file, b"\n")
        yield Ledger(file)
    finally:
        os.close(file)
