"""What is written together: deliveries opened, validated and flagged, row by row."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import ValidationError

from broker.messages import NodeStatus
from broker.topics import Topics
from ingestor.books import Books
from ingestor.documents import Measure, to_measure, utc_now
from ingestor.flag import Limits, exceeded
from ingestor.receive import Delivery, Inbox
from ingestor.sensors import Sensors
from ingestor.validate import Rejection, Valid, validate

BATCH_READINGS = 1000
BATCH_AGE_S = 0.02
MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True)
class Batch:
    """One batch. ``valid`` and ``measures`` are the same readings, as they came and as documents.

    Attributes:
        received_at: When it was opened.
        deliveries: All messages of the batch, to be acknowledged in this order.
        rejections: What cannot be stored as a reading.
    """

    received_at: datetime
    deliveries: list[Delivery] = field(default_factory=list)
    valid: list[Valid] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.measures) + len(self.rejections)


@dataclass(slots=True)
class Opener:
    """Opens deliveries. It knows no database and no connection."""

    inbox: Inbox
    topics: Topics
    limits: Limits
    books: Books
    sensors: Sensors
    _last: datetime = datetime.min  # noqa: DTZ901 - before any batch

    def next_batch(self) -> Batch | None:
        """Open what waits, up to 1000 readings and for at most 20 ms; None when nothing waits."""
        deadline = time.monotonic() + BATCH_AGE_S
        # Each batch has a time of its own, also when the clock stands still or is set back.
        self._last = max(utc_now(), self._last + MILLISECOND)
        batch = Batch(self._last)
        while len(batch) < BATCH_READINGS and (delivery := self.inbox.take()) is not None:
            batch.deliveries.append(delivery)
            if self.topics.is_readings(delivery.topic):
                self._open_readings(delivery, batch)
            else:
                self._open_status(delivery, batch)
            if time.monotonic() > deadline:
                break
        return batch if batch.deliveries else None

    def _open_readings(self, delivery: Delivery, batch: Batch) -> None:
        checked = validate(delivery, batch.received_at)
        self.books.waiting -= 1
        self.books.in_hand += len(checked)
        self.books.received += len(checked) - 1
        for item in checked:
            if isinstance(item, Rejection):
                batch.rejections.append(item)
                continue
            threshold_kwh = exceeded(item.reading, self.limits)
            batch.valid.append(item)
            batch.measures.append(
                to_measure(item.reading, item.place.site, item.moment, threshold_kwh, batch.received_at)
            )

    def _open_status(self, delivery: Delivery, batch: Batch) -> None:
        if not delivery.payload:
            return  # somebody removed a retained status
        try:
            status = NodeStatus.model_validate_json(delivery.payload)
        except ValidationError:
            reason = 'a status is {"state": "online"} or {"state": "offline"}'
            batch.rejections.append(Rejection("status", reason, delivery.topic, delivery.payload))
            self.books.received += 1
            self.books.in_hand += 1
        else:
            self.sensors.heard(self.topics.place(delivery.topic), status)
