"""Tell sensors what they may forget: gathered per sensor, at most one message every 5 seconds.

A confirmation that is lost costs nothing: the sensor sends the reading again, and the answer is
that it is stored already.
"""

import time
from dataclasses import dataclass, field

from broker.connection import OutgoingMessage
from broker.messages import Receipt, to_ranges
from broker.topics import SensorKey, Topics

GATHER_S = 5.0
AT_ONCE = 1000


@dataclass(slots=True)
class _SensorReceipts:
    since: float
    stored: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)


class Receipts:
    """What is to be confirmed, by sensor.

    Args:
        topics: Where to.
    """

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        # Ordered by when the first reading of an entry was added.
        self._gathered: dict[SensorKey, _SensorReceipts] = {}
        self._full: set[SensorKey] = set()

    def stored(self, place: SensorKey, sequence: int) -> None:
        """Add a reading that is in the database."""
        gathered = self._of(place)
        gathered.stored.append(sequence)
        if len(gathered.stored) >= AT_ONCE:
            self._full.add(place)

    def rejected(self, place: SensorKey, sequence: int) -> None:
        """Add a reading that was refused and kept."""
        self._of(place).rejected.append(sequence)

    def _of(self, place: SensorKey) -> _SensorReceipts:
        gathered = self._gathered.get(place)
        if gathered is None:
            gathered = self._gathered[place] = _SensorReceipts(time.monotonic())
        return gathered

    def due(self, *, everything: bool = False) -> list[OutgoingMessage]:
        """Take out the messages that are to be sent now."""
        before = time.monotonic() - GATHER_S
        places = list(self._full)
        for place, gathered in self._gathered.items():
            if not everything and gathered.since > before:
                break
            if place not in self._full:
                places.append(place)
        self._full.clear()
        return [self._message(place, self._gathered.pop(place)) for place in places]

    def _message(self, place: SensorKey, gathered: _SensorReceipts) -> OutgoingMessage:
        answer = Receipt(sequences=to_ranges(gathered.stored), rejected=to_ranges(gathered.rejected))
        payload = answer.model_dump_json(exclude_defaults=not gathered.rejected).encode()
        return OutgoingMessage(self._topics.stored(*place), payload)
