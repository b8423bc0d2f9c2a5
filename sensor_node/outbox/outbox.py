"""The outbox: every reading stays here until the ingestor confirms that it is in the database.

The broker's acknowledgement is transport, not proof: what it acknowledged can still be lost with it.
This one keeps readings in memory; ``sensor_node.outbox.durable`` keeps them in a file as well.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from broker.ledger import GroundTruth
from broker.messages import SequenceRange, to_ranges
from broker.topics import SensorKey
from sensor_node.outbox.ledger import Ledger

RESEND_AFTER_S = 30.0
# Sent eight times without an answer, a reading waits for 30 s * 2**7, about an hour.
MAX_BACKOFF_STEPS = 7


class OutboxEntry(NamedTuple):
    """One reading in the outbox.

    Attributes:
        truth: What must come of it, for the ledger; None if nobody said.
    """

    sensor_key: SensorKey
    sequence: int
    payload: bytes
    truth: GroundTruth | None = None


EntryKey = tuple[SensorKey, int]


class Outbox:
    """Readings that are not confirmed yet.

    A reading is new, or to be sent again, or sent. What is new goes out at once; what is sent again,
    the back-fill, goes out behind it, as fast as the caller likes.

    Args:
        limit: Most readings to keep. The oldest are kept and newer ones dropped: what was
            measured first is nearest to being lost.
        ledger: Told of everything that is kept or dropped, before it may be sent.

    Attributes:
        ledger: The ledger.
        dropped: How many found no room.
    """

    def __init__(self, limit: int, ledger: Ledger) -> None:
        self._limit = limit
        self.ledger = ledger
        # All, oldest first. Each key is in exactly one of the places below as well.
        self._entries: dict[EntryKey, OutboxEntry] = {}
        self._new: dict[EntryKey, None] = {}
        # With how often it was sent.
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
        """Whose readings are kept."""
        return {place for place, _ in self._entries}

    @property
    def has_backfill(self) -> bool:
        """Whether some of the back-fill could be sent now."""
        return bool(self._backfill)

    @property
    def oldest(self) -> OutboxEntry | None:
        """The reading that was made first."""
        return next(iter(self._entries.values()), None)

    @property
    def entries(self) -> Iterable[OutboxEntry]:
        """All readings, oldest first."""
        return self._entries.values()

    async def add(self, readings: Sequence[OutboxEntry]) -> None:
        """Keep new readings; what is above the limit is counted in ``dropped`` instead."""
        room = max(0, self._limit - len(self))
        kept, dropped = readings[:room], readings[room:]
        self.dropped += len(dropped)
        await self._write(kept)
        await self.ledger.invoke(kept)
        await self.ledger.dropped(dropped)
        for reading in kept:
            key = reading.sensor_key, reading.sequence
            self._entries[key] = reading
            self._new[key] = None

    def take_new(self, now_s: float, limit: int) -> list[OutboxEntry]:
        """Give out what was never sent and came after the connection, oldest first; note it as sent.

        Args:
            now_s: The monotonic clock, seconds.
            limit: Most readings to give out.
        """
        return self._mark_sent(dict.fromkeys(islice(self._new, limit), 0), now_s)

    def take_backfill(self, now_s: float, limit: int) -> list[OutboxEntry]:
        """Give out the back-fill, oldest first, and note it as sent.

        That is what earlier connections or processes left behind, and what was sent 30 s ago and is
        not confirmed. As long as nothing at all is confirmed, that time doubles with each sending:
        while the ingestor is away, the broker need not keep each reading a hundred times.
        """
        self._find_overdue(now_s)
        return self._mark_sent(dict(islice(self._backfill.items(), limit)), now_s)

    def _find_overdue(self, now_s: float) -> None:
        # What was sent most often is oldest.
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
        """Note that nothing counts as sent any more: the connection is a new one."""
        times = {key: times + 1 for times, sent in enumerate(self._sent) for key in sent} | self._backfill
        self._backfill = {key: times.get(key, 0) for key in self._entries}
        self._new.clear()
        for sent in self._sent:
            sent.clear()

    async def forget(
        self, place: SensorKey, ranges: Sequence[SequenceRange], now_s: float, *, stored: bool
    ) -> int:
        """Forget readings that need not be sent again.

        Args:
            place: Whose they are.
            ranges: Inclusive ranges of sequences. One may name readings that are not here.
            now_s: The monotonic clock, seconds.
            stored: Whether they are stored; else they were rejected and are kept by the ingestor.

        Returns:
            How many were here.
        """
        keys = [key for each in ranges for key in self._in_range(place, each)]
        known = to_ranges(sequence for _, sequence in keys)
        await self.ledger.outcome("confirmed" if stored else "rejected", place, known)
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

    def _in_range(self, place: SensorKey, wanted: SequenceRange) -> Iterator[EntryKey]:
        first, last = wanted
        if last - first < len(self):
            keys: Iterable[EntryKey] = ((place, sequence) for sequence in range(first, last + 1))
            return (key for key in keys if key in self._entries)
        # A range far wider than the outbox: look at what is here instead.
        return (key for key in self._entries if key[0] == place and first <= key[1] <= last)

    async def _write(self, readings: Sequence[OutboxEntry]) -> None:
        """For an outbox that survives: called before ``readings`` may be sent."""

    async def _delete(self, keys: Sequence[EntryKey]) -> None:
        """For an outbox that survives: called for readings that are confirmed."""
