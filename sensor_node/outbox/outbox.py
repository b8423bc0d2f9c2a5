"""The outbox keeps every reading until the ingestor confirms that it is in the database.

The broker's acknowledgement is not enough: the broker can still lose what it acknowledged. This outbox
is in memory; ``sensor_node.outbox.durable`` keeps the readings in a file as well.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import ClassVar, NamedTuple

from broker.ledger import GroundTruth
from broker.messages import Reading, SequenceRange, to_ranges
from broker.topics import SensorKey
from sensor_node.outbox.ledger import Ledger

RESEND_AFTER_S = 30.0
# Sent eight times without an answer, a reading waits for 30 s * 2**7, about an hour.
MAX_BACKOFF_STEPS = 7


class OutboxEntry(NamedTuple):
    """One reading in the outbox; ``truth`` is the outcome that the ledger expects, None if unknown."""

    sensor_key: SensorKey
    sequence: int
    payload: bytes
    truth: GroundTruth | None = None


EntryKey = tuple[SensorKey, int]


class Outbox:
    """Readings that are not confirmed yet.

    A reading is new, sent, or in the back-fill: to be sent again. New readings go out first, the back-fill
    behind them at the caller's rate. When the outbox is full, new readings are dropped, not the oldest ones.
    The ledger records every reading before it may be sent.
    """

    is_durable: ClassVar[bool] = False

    def __init__(self, limit: int, ledger: Ledger) -> None:
        self._limit = limit
        self.ledger = ledger
        # All, oldest first. Each key is in exactly one of the collections below as well.
        self._entries: dict[EntryKey, OutboxEntry] = {}
        self._new: dict[EntryKey, None] = {}
        # Value: how often it was sent.
        self._backfill: dict[EntryKey, int] = {}
        # By how often it was sent (once, twice, …), with the monotonic time of the last time, which is
        # also their order.
        self._sent: list[dict[EntryKey, float]] = [{} for _ in range(MAX_BACKOFF_STEPS + 1)]
        self._last_answer_s = float("-inf")
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

    async def add(self, readings: Sequence[OutboxEntry]) -> None:
        """Keep new readings; readings above the limit are counted in ``dropped`` instead."""
        room = max(0, self._limit - len(self))
        kept, dropped = readings[:room], readings[room:]
        self.dropped += len(dropped)
        await self._write(kept)
        await self.ledger.attempts("invoke", kept)
        await self.ledger.attempts("refused", dropped)
        for reading in kept:
            key = reading.sensor_key, reading.sequence
            self._entries[key] = reading
            self._new[key] = None

    def take_new(self, now_s: float, limit: int) -> list[OutboxEntry]:
        """Return the oldest readings that were never sent, and mark them as sent now (monotonic clock)."""
        return self._mark_sent(dict.fromkeys(islice(self._new, limit), 0), now_s)

    def take_backfill(self, now_s: float, limit: int) -> list[OutboxEntry]:
        """Return the oldest readings of the back-fill, and mark them as sent.

        These are readings from earlier connections or processes, and readings sent 30 s ago without a
        confirmation. As long as nothing at all is confirmed, that time doubles each time: while the ingestor
        is away, the broker need not keep a hundred copies of each reading.
        """
        self._find_overdue(now_s)
        return self._mark_sent(dict(islice(self._backfill.items(), limit)), now_s)

    def _find_overdue(self, now_s: float) -> None:
        # Readings that were sent most often are the oldest.
        for times, sent in reversed(list(enumerate(self._sent))):
            patience_s = RESEND_AFTER_S * 2**times

            def is_overdue(entry: tuple[EntryKey, float], patience_s: float = patience_s) -> bool:
                waited_s = now_s - entry[1]
                ignored = entry[1] < self._last_answer_s
                return waited_s >= (RESEND_AFTER_S if ignored else patience_s)

            for key, _ in list(takewhile(is_overdue, sent.items())):
                del sent[key]
                self._backfill[key] = times + 1

    def _mark_sent(self, due: Mapping[EntryKey, int], now_s: float) -> list[OutboxEntry]:
        for key, times in due.items():
            self._new.pop(key, None)
            self._backfill.pop(key, None)
            self._sent[min(times, MAX_BACKOFF_STEPS)][key] = now_s
        return [self._entries[key] for key in due]

    def send_again(self) -> None:
        """Move all readings to the back-fill: the connection is a new one."""
        times = {key: times + 1 for times, sent in enumerate(self._sent) for key in sent} | self._backfill
        self._backfill = {key: times.get(key, 0) for key in self._entries}
        self._new.clear()
        for sent in self._sent:
            sent.clear()

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
            for sent in self._sent:
                sent.pop(key, None)
        if keys:
            self._last_answer_s = now_s
        return len(keys)

    def _in_range(self, sensor_key: SensorKey, wanted: SequenceRange) -> Iterator[EntryKey]:
        first, last = wanted
        if last - first < len(self):
            keys: Iterable[EntryKey] = ((sensor_key, sequence) for sequence in range(first, last + 1))
            return (key for key in keys if key in self._entries)
        # A range far wider than the outbox: look at what is here instead.
        return (key for key in self._entries if key[0] == sensor_key and first <= key[1] <= last)

    async def _write(self, readings: Sequence[OutboxEntry]) -> None:
        """Called before ``readings`` may be sent, for an outbox in a file."""

    async def _delete(self, keys: Sequence[EntryKey]) -> None:
        """Called for confirmed readings, for an outbox in a file."""
