"""The outbox keeps every reading until the ingestor confirms that it is in the database.

The broker's acknowledgement is not enough: the broker can still lose what it acknowledged. This outbox
is in memory; ``sensor_node.outbox.durable`` keeps the readings in a file as well.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import ClassVar, NamedTuple

from broker.ledger import GroundTruth
from broker.messages import Reading, SequenceRange, to_ranges
from broker.topics import SensorKey
from sensor_node.outbox.in_flight import EntryKey, InFlight
from sensor_node.outbox.ledger import Ledger

logger = logging.getLogger(__name__)


class OutboxEntry(NamedTuple):
    """One reading in the outbox; ``truth`` is the outcome that the ledger expects, None if unknown."""

    sensor_key: SensorKey
    sequence: int
    payload: bytes
    truth: GroundTruth | None = None


class Full(NamedTuple):
    """Why an outbox has no room, and what helps."""

    reason: str
    remedy: str


def _log_full(full: Full, first: OutboxEntry) -> None:
    logger.error(
        "The outbox is full (%s): new ones are LOST, the first with number %d of %s. %s",
        full.reason,
        first.sequence,
        first.sensor_key.name,
        full.remedy,
    )


class Outbox:
    """Readings that are not confirmed yet.

    A reading is new, in flight, or in the back-fill: to be sent again. New readings go out first, the
    back-fill behind them at the caller's rate. When the outbox is full, new readings are dropped, not the
    oldest ones. The ledger records every reading before it may be sent.
    """

    is_durable: ClassVar[bool] = False

    def __init__(self, limit: int, ledger: Ledger) -> None:
        self._limit = limit
        self.ledger = ledger
        # All, oldest first. Each key is in exactly one of the collections below as well.
        self._entries: dict[EntryKey, OutboxEntry] = {}
        self._new: dict[EntryKey, None] = {}
        self._backfill: dict[EntryKey, None] = {}
        self._in_flight = InFlight()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def sensor_keys(self) -> set[SensorKey]:
        """The sensors that have readings in the outbox."""
        return {sensor_key for sensor_key, _ in self._entries}

    @property
    def has_backfill(self) -> bool:
        """Whether the back-fill has readings to send now."""
        return bool(self._backfill)

    @property
    def oldest_age_s(self) -> float | None:
        """Age of the oldest reading, seconds; None without one."""
        for entry in self._entries.values():
            timestamp = Reading.model_validate_json(entry.payload).timestamp
            return round((datetime.now(UTC) - timestamp).total_seconds(), 1)
        return None

    async def last_sequence(self, sensor_key: SensorKey) -> int:
        """The highest sequence of a meter that the outbox remembers; -1 if there is none."""
        return -1

    @property
    def entries(self) -> Iterable[OutboxEntry]:
        """All readings, oldest first."""
        return self._entries.values()

    async def add(self, readings: Sequence[OutboxEntry]) -> bool:
        """Keep new readings; return whether there was room. Those without are counted in ``dropped``."""
        room = max(0, self._limit - len(self))
        kept, dropped = readings[:room], readings[room:]
        full = Full(f"{self._limit:,} readings", "A larger --outbox-limit holds more.") if dropped else None
        if kept and (no_room := await self._write(kept)):
            full, kept, dropped = no_room, [], readings
        if full and not self.dropped:
            _log_full(full, dropped[0])
        self.dropped += len(dropped)
        await self.ledger.attempts("invoke", kept)
        await self.ledger.attempts("refused", dropped)
        for reading in kept:
            key = reading.sensor_key, reading.sequence
            self._entries[key] = reading
            self._new[key] = None
        return not dropped

    def take_new(self, now_s: float, limit: int) -> list[OutboxEntry]:
        """Return the oldest readings that were never sent, and mark them as sent now (monotonic clock)."""
        return self._mark_sent(list(islice(self._new, limit)), now_s)

    def take_backfill(self, now_s: float, limit: int) -> list[OutboxEntry]:
        """Return the oldest readings of the back-fill, and mark them as sent.

        These are readings from earlier connections or processes, and readings that are missing: their
        confirmation would have come before one that is here. While no confirmations come at all, it is one
        reading now and then.
        """
        self._backfill |= dict.fromkeys(self._in_flight.take_missing(now_s))
        due = self._mark_sent(list(islice(self._backfill, limit)), now_s)
        if not due and limit and (key := self._in_flight.probe(now_s)):
            return [self._entries[key]]
        return due

    def _mark_sent(self, due: Sequence[EntryKey], now_s: float) -> list[OutboxEntry]:
        for key in due:
            self._new.pop(key, None)
            self._backfill.pop(key, None)
        self._in_flight.add(due, now_s)
        return [self._entries[key] for key in due]

    def send_again(self) -> None:
        """Move all readings to the back-fill: the connection is a new one."""
        self._backfill = dict.fromkeys(self._entries)
        self._new.clear()
        self._in_flight.clear()

    async def forget(
        self, sensor_key: SensorKey, ranges: Sequence[SequenceRange], now_s: float, *, stored: bool
    ) -> int:
        """Remove readings that the ingestor stored, or rejected and keeps; return how many were here.

        The inclusive ranges of sequences may include readings that are not here.
        """
        keys = [key for each in ranges for key in self._in_range(sensor_key, each)]
        known = to_ranges(sequence for _, sequence in keys)
        await self.ledger.outcome("confirmed" if stored else "rejected", sensor_key, known)
        await self._delete(keys)
        for key in keys:
            self._entries.pop(key, None)
            self._new.pop(key, None)
            self._backfill.pop(key, None)
        if keys:
            self._in_flight.confirm(keys, now_s)
        return len(keys)

    def _in_range(self, sensor_key: SensorKey, wanted: SequenceRange) -> Iterator[EntryKey]:
        first, last = wanted
        if last - first < len(self):
            keys: Iterable[EntryKey] = ((sensor_key, sequence) for sequence in range(first, last + 1))
            return (key for key in keys if key in self._entries)
        # A range far wider than the outbox: look at what is here instead.
        return (key for key in self._entries if key[0] == sensor_key and first <= key[1] <= last)

    async def _write(self, readings: Sequence[OutboxEntry]) -> Full | None:
        """Called before ``readings`` may be sent, for an outbox in a file; return why there is no room."""
        return None

    async def _delete(self, keys: Sequence[EntryKey]) -> None:
        """Called for confirmed readings, for an outbox in a file."""
