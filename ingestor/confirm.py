"""Tell sensors what they may forget: gathered per sensor, at most one message every 5 seconds.

A confirmation that is lost costs nothing: the sensor sends the reading again, and the answer is
that it is stored already.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from broker.connection import OutgoingMessage
from broker.messages import Receipt, to_ranges
from broker.topics import SensorKey, Topics
from ingestor.delivery import Batch, Rejection

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

    def confirm(self, batch: Batch, kept: Iterable[Rejection]) -> None:
        """Tell sensors what they may forget: what is stored, or rejected and kept as it came."""
        are_all_stored = not batch.rejections
        for delivery in batch.deliveries:
            if (key := delivery.key) is None:
                continue
            for index, row in enumerate(delivery.rows):
                is_stored = are_all_stored or not isinstance(delivery.outcomes[index], Rejection)
                # Only rows that could be read have another outcome than a rejection.
                if is_stored and (sequence := row[0].get("sequence")) is not None:  # type: ignore[index]
                    self.stored(key, sequence)
        for each in kept:
            if each.sequence is not None:
                self.rejected(self._topics.sensor_key(each.topic), each.sequence)

    def stored(self, key: SensorKey, sequence: int) -> None:
        """Add a reading that is in the database."""
        gathered = self._gathered.get(key) or self._begin(key)
        gathered.stored.append(sequence)
        if len(gathered.stored) >= AT_ONCE:
            self._full.add(key)

    def rejected(self, key: SensorKey, sequence: int) -> None:
        """Add a reading that was rejected and kept."""
        (self._gathered.get(key) or self._begin(key)).rejected.append(sequence)

    def _begin(self, key: SensorKey) -> _SensorReceipts:
        gathered = self._gathered[key] = _SensorReceipts(time.monotonic())
        return gathered

    def due(self, *, everything: bool = False) -> list[OutgoingMessage]:
        """Take out the messages that are to be sent now."""
        before = time.monotonic() - GATHER_S
        keys = list(self._full)
        for key, gathered in self._gathered.items():
            if not everything and gathered.since > before:
                break
            if key not in self._full:
                keys.append(key)
        self._full.clear()
        return [self._message(key, self._gathered.pop(key)) for key in keys]

    def _message(self, key: SensorKey, gathered: _SensorReceipts) -> OutgoingMessage:
        answer = Receipt(sequences=to_ranges(gathered.stored), rejected=to_ranges(gathered.rejected))
        payload = answer.model_dump_json(exclude_defaults=not gathered.rejected).encode()
        return OutgoingMessage(self._topics.stored(*key), payload)
