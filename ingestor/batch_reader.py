"""Open a batch: receive, authorize, decode, validate and flag, row by row."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from mqtt5 import PublishPacket
from pydantic import ValidationError

from broker.messages import NodeStatus
from broker.topics import Topics
from ingestor.counters import Counters
from ingestor.decode.decoders import decode
from ingestor.delivery import INVALID_IDS, Batch, Delivery, Rejection, RejectKind
from ingestor.documents import utc_now
from ingestor.flag import Thresholds, flag
from ingestor.flow_control.deferral import BYTES_PER_UNIT, Deferral
from ingestor.flow_control.quarantine import POISON
from ingestor.receive.authorization import Authorization
from ingestor.receive.command_limits import CommandLimits
from ingestor.receive.inbox import Inbox
from ingestor.receive.rejected_bytes import RejectedBytes
from ingestor.validate import check_message, sensor_key, validate

logger = logging.getLogger(__name__)

BATCH_READINGS = 1000
BATCH_AGE_S = 0.02
MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True)
class BatchReader:
    """Opens what waits in the inbox. It knows no database and no connection."""

    inbox: Inbox
    topics: Topics
    thresholds: Thresholds
    counters: Counters
    authorization: Authorization
    deferral: Deferral
    command_limits: CommandLimits = field(default_factory=CommandLimits)
    rejected_bytes: RejectedBytes = field(default_factory=RejectedBytes)
    _last: datetime = datetime.min  # noqa: DTZ901 - before any batch
    _readings: str = field(init=False)
    _commands: str = field(init=False)

    def __post_init__(self) -> None:
        self._readings = self.topics.readings_prefix
        self._commands = self.topics.commands_prefix

    def next_batch(self, most: int | None = None, *, are_poison: bool = False) -> Batch | None:
        """Open what waits, up to 1000 readings and for at most 20 ms; None when nothing waits.

        Args:
            most: How many messages at most, if there is another bound.
            are_poison: Reject them unread.
        """
        connection = self.inbox.next_connection
        if connection is None:
            return None
        batch = Batch(self._now(), connection)
        payloads = self._open(islice(self.inbox.take(), most), batch, are_poison=are_poison)
        self.inbox.on_taken()
        self.counters.waiting -= payloads
        self.counters.deferred += len(batch.deferred)
        self.counters.received += batch.size + len(batch.deferred) - payloads
        return batch

    def next_deferred(self, most: int | None = None, *, are_poison: bool = False) -> Batch:
        """Open what was set aside, as ``next_batch`` does."""
        batch = Batch(self._now(), None, set_aside_at=self.deferral.arrived_at)
        payloads = self._open(islice(self.deferral.take(), most), batch, are_poison=are_poison)
        self.counters.deferred -= payloads
        self.counters.received += batch.size - payloads
        return batch

    def _now(self) -> datetime:
        # Each batch has a time of its own, also when the clock stands still or is set back.
        self._last = max(utc_now(), self._last + MILLISECOND)
        return self._last

    def _open(self, packets: Iterable[PublishPacket], batch: Batch, *, are_poison: bool) -> int:
        """Open messages until the batch is full; how many of them are of readings."""
        deadline, payloads = time.monotonic() + BATCH_AGE_S, 0
        for packet in packets:
            topic = packet.topic
            delivery = Delivery(packet, sensor_key(topic))
            batch.deliveries.append(delivery)
            is_reading = topic.startswith(self._readings)
            payloads += is_reading
            if are_poison:
                delivery.outcomes = (delivery.reject(RejectKind.POISON, POISON),)
            elif is_reading:
                self._open_readings(delivery, batch)
            elif topic.startswith(self._commands):
                self._open_command(delivery, batch)
            else:
                self._open_status(delivery, batch)
            batch.size += len(delivery.outcomes)
            if batch.size >= BATCH_READINGS or time.monotonic() > deadline:
                break
        self.counters.in_flight += batch.size
        return payloads

    def _open_readings(self, delivery: Delivery, batch: Batch) -> None:
        if delivery.key is None:
            # Before its allowance: of topics that are no sensor's there is no end.
            delivery.outcomes = (delivery.reject(RejectKind.TOPIC, INVALID_IDS),)
            return
        rejected = self.rejected_bytes
        if rejected.exhausted and (rejection := rejected.reject(delivery.key, delivery)) is not None:
            delivery.outcomes = (rejection,)
            return
        topic, allowed = delivery.packet.topic, self.authorization.readings.left
        if allowed.get(topic, 0.0) < 1 and (rejection := self.authorization.reject(delivery)) is not None:
            delivery.outcomes = (rejection,)
            return
        work, is_new = self.deferral.work.left, batch.connection is not None
        if is_new and work.get(topic, 0.0) < 1 and not self.deferral.may_pass(delivery):
            if (rejection := self.deferral.set_aside(delivery, batch)) is not None:
                delivery.outcomes = (rejection,)
            return
        self._read(delivery, batch)
        allowed[topic] -= len(delivery.outcomes)
        if is_new:
            done = max(len(delivery.outcomes), len(delivery.packet.payload) / BYTES_PER_UNIT)
            work[topic] = work.get(topic, 0.0) - done

    def _read(self, delivery: Delivery, batch: Batch) -> None:
        count = len(batch.measures)
        try:
            key = check_message(delivery)
            if isinstance(key, Rejection):
                delivery.outcomes = (key,)
            else:
                decode(delivery)
                validate(delivery, key, batch.arrived_at)
                flag(delivery, key, self.thresholds, batch)
        except Exception as error:  # noqa: BLE001 - what nobody foresaw would come again for ever
            logger.error("A payload on %r cannot be read; it is kept: %r", delivery.packet.topic, error)  # noqa: TRY400
            del batch.measures[count:]
            reason = f"it cannot be read ({type(error).__name__})"
            delivery.rows, delivery.outcomes = (), (delivery.reject(RejectKind.INVALID, reason),)
        if delivery.key is not None and len(batch.measures) - count < len(delivery.outcomes):
            self.rejected_bytes.on_rejected(delivery.key, delivery)

    def _open_command(self, delivery: Delivery, batch: Batch) -> None:
        if (rejection := self.command_limits.reject(delivery)) is not None:
            delivery.outcomes = (rejection,)
        else:
            batch.commands.append(delivery)

    def _open_status(self, delivery: Delivery, batch: Batch) -> None:
        payload = delivery.packet.payload
        if (key := delivery.key) is None:
            delivery.outcomes = (delivery.reject(RejectKind.TOPIC, INVALID_IDS),)
        elif (rejection := self.authorization.reject_status(key, delivery)) is not None:
            delivery.outcomes = (rejection,)
        elif not payload:
            batch.statuses[key] = None
        else:
            try:
                # A node that comes and goes all the time costs no more than its last word.
                batch.statuses[key] = NodeStatus.model_validate_json(payload)
            except ValidationError:
                reason = 'a status is {"state": "online"} or {"state": "offline"}'
                delivery.outcomes = (delivery.reject(RejectKind.STATUS, reason),)
