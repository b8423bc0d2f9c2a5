"""The outbox: every reading stays here until the ingestor confirms that it is in the database.

The broker's acknowledgement is transport, not proof: what it acknowledged can still be lost with it.
This one keeps readings in memory; ``sensor_node.durable`` keeps them in a file as well.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, takewhile
from typing import NamedTuple

from broker.messages import SequenceRange
from broker.topics import Place

RESEND_AFTER_S = 30.0


class Kept(NamedTuple):
    """One reading in the outbox."""

    place: Place
    sequence: int
    payload: bytes


Key = tuple[Place, int]


class Outbox:
    """Readings that are not confirmed yet, oldest first.

    Args:
        limit: Most readings to keep. The oldest are kept and newer ones refused: what was
            measured first is nearest to being lost.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._unsent: dict[Key, Kept] = {}
        # With the monotonic time of the last sending, which is also their order.
        self._sent: dict[Key, tuple[Kept, float]] = {}
        self.refused = 0

    def __len__(self) -> int:
        return len(self._unsent) + len(self._sent)

    @property
    def places(self) -> set[Place]:
        """Whose readings are kept."""
        return {place for place, _ in chain(self._unsent, self._sent)}

    async def add(self, readings: Sequence[Kept]) -> None:
        """Keep new readings; what is above the limit is counted in ``refused``."""
        room = max(0, self._limit - len(self))
        self.refused += max(0, len(readings) - room)
        await self._write(readings[:room])
        for reading in readings[:room]:
            self._unsent[reading.place, reading.sequence] = reading

    def take_due(self, now_s: float, limit: int) -> list[Kept]:
        """Give out what is to be sent now, oldest first, and note it as sent.

        That is what was never sent, and what was sent 30 s ago and is not confirmed.

        Args:
            now_s: The monotonic clock, seconds.
            limit: Most readings to give out.
        """
        before_s = now_s - RESEND_AFTER_S
        overdue = (kept for kept, _ in takewhile(lambda each: each[1] <= before_s, self._sent.values()))
        due = list(islice(chain(overdue, self._unsent.values()), limit))
        for kept in due:
            key = (kept.place, kept.sequence)
            self._sent.pop(key, None)
            self._unsent.pop(key, None)
            self._sent[key] = kept, now_s
        return due

    def send_again(self) -> None:
        """Note that nothing counts as sent any more: the connection is a new one."""
        self._unsent = {key: kept for key, (kept, _) in self._sent.items()} | self._unsent
        self._sent = {}

    async def confirm(self, place: Place, ranges: Iterable[SequenceRange]) -> int:
        """Forget readings that need not be sent again.

        Args:
            place: Whose they are.
            ranges: Inclusive ranges of sequences. One may name readings that are not here.

        Returns:
            How many were here.
        """
        keys = [key for each in ranges for key in self._in_range(place, each)]
        await self._delete(keys)
        for key in keys:
            self._sent.pop(key, None)
            self._unsent.pop(key, None)
        return len(keys)

    def _in_range(self, place: Place, wanted: SequenceRange) -> Iterator[Key]:
        first, last = wanted
        if last - first < len(self):
            keys: Iterable[Key] = ((place, sequence) for sequence in range(first, last + 1))
            return (key for key in keys if key in self._sent or key in self._unsent)
        # A range far wider than the outbox: look at what is here instead.
        return (key for key in chain(self._sent, self._unsent) if key[0] == place and first <= key[1] <= last)

    async def _write(self, readings: Sequence[Kept]) -> None:
        """For an outbox that survives: called before ``readings`` may be sent."""

    async def _delete(self, keys: Sequence[Key]) -> None:
        """For an outbox that survives: called for readings that are confirmed."""
