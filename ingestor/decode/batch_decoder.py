"""What is written together: deliveries opened, validated and flagged, row by row."""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mqtt5 import PublishPacket
from pydantic import ValidationError

from broker.connection import Connection
from broker.messages import NodeStatus
from broker.topics import SensorKey, Topics
from ingestor.alarms.commands import AlarmCommand, read_command
from ingestor.counters import Counters
from ingestor.decode.energy_json import INVALID_IDS, Rejection, Valid, validate
from ingestor.documents import Measure, to_measure, utc_now
from ingestor.flag.thresholds import Thresholds, exceeded_threshold
from ingestor.receive.authorization import Authorization
from ingestor.receive.inbox import Inbox
from ingestor.store.sensor_updates import SensorUpdates

logger = logging.getLogger(__name__)

BATCH_READINGS = 1000
BATCH_AGE_S = 0.02
MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True)
class Batch:
    """One batch. ``valid`` and ``measures`` are the same readings, as they came and as documents.

    Attributes:
        received_at: When it was opened.
        connection: What brought all its messages, and on which alone they can be acknowledged.
        packet_ids: Of its messages, to be acknowledged in this order.
        rejections: What cannot be stored as a reading, or is no status or command.
        statuses: What nodes say of themselves; None where somebody removed a retained status.
        commands: What people say to alarms, each with the topic it came on.
    """

    received_at: datetime
    connection: Connection
    packet_ids: list[int] = field(default_factory=list)
    valid: list[Valid] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    statuses: list[tuple[SensorKey, NodeStatus | None]] = field(default_factory=list)
    commands: list[tuple[PublishPacket, AlarmCommand]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.measures) + len(self.rejections)


@dataclass(slots=True)
class BatchDecoder:
    """Opens deliveries. It knows no database and no connection."""

    inbox: Inbox
    topics: Topics
    limits: Thresholds
    books: Counters
    sensors: SensorUpdates
    admission: Authorization
    _last: datetime = datetime.min  # noqa: DTZ901 - before any batch
    _readings: str = field(init=False)
    _commands: str = field(init=False)

    def __post_init__(self) -> None:
        self._readings = self.topics.readings_prefix
        self._commands = self.topics.commands_prefix

    def next_batch(self) -> Batch | None:
        """Open what waits, up to 1000 readings and for at most 20 ms; None when nothing waits."""
        connection = self.inbox.next_connection
        if connection is None:
            return None
        deadline = time.monotonic() + BATCH_AGE_S
        # Each batch has a time of its own, also when the clock stands still or is set back.
        self._last = max(utc_now(), self._last + MILLISECOND)
        batch, payloads = Batch(self._last, connection), 0
        for packet in self.inbox.take(connection):
            # Subscribed at QoS 1, so every message has a packet id.
            batch.packet_ids.append(packet.packet_id or 0)
            if packet.topic.startswith(self._readings):
                payloads += 1
                self._open_readings(packet, batch)
            elif packet.topic.startswith(self._commands):
                _open_command(packet, batch)
            else:
                self._open_status(packet, batch)
            if len(batch) >= BATCH_READINGS or time.monotonic() > deadline:
                break
        self.books.waiting -= payloads
        self.books.in_flight += len(batch)
        self.books.received += len(batch) - payloads
        return batch

    def _open_readings(self, packet: PublishPacket, batch: Batch) -> None:
        left = self.admission.readings.left
        if left.get(packet.topic, 0.0) < 1 and (refused := self.admission.reject(packet)) is not None:
            batch.rejections.append(refused)
            return
        try:
            checked = validate(packet, batch.received_at)
        except Exception as error:  # noqa: BLE001 - what nobody foresaw would come again for ever
            logger.error("A payload on %r cannot be read; it is kept: %r", packet.topic, error)  # noqa: TRY400
            reason = f"it cannot be read ({type(error).__name__})"
            checked = [Rejection("invalid", reason, packet.topic, packet.payload)]
        left[packet.topic] -= len(checked)
        for item in checked:
            if isinstance(item, Rejection):
                batch.rejections.append(item)
                continue
            threshold_kwh = exceeded_threshold(item.reading, item.key.site, self.limits)
            batch.valid.append(item)
            batch.measures.append(
                to_measure(item.reading, item.key, item.timestamp, threshold_kwh, batch.received_at)
            )

    def _open_status(self, packet: PublishPacket, batch: Batch) -> None:
        place = self.topics.sensor_key(packet.topic)
        if place.is_valid and not self.admission.owns(place):
            batch.rejections.append(self.admission.reject_foreign(place, packet))
            return
        if not packet.payload:
            batch.statuses.append((place, None))
            return
        if not place.is_valid:
            batch.rejections.append(Rejection("topic", INVALID_IDS, packet.topic, packet.payload))
            return
        try:
            status = NodeStatus.model_validate_json(packet.payload)
        except ValidationError:
            reason = 'a status is {"state": "online"} or {"state": "offline"}'
            batch.rejections.append(Rejection("status", reason, packet.topic, packet.payload))
        else:
            self.sensors.on_status(place, status, self.admission.may_own)
            batch.statuses.append((place, status))


def _open_command(packet: PublishPacket, batch: Batch) -> None:
    command = read_command(packet.payload)
    if isinstance(command, str):
        batch.rejections.append(Rejection("command", command, packet.topic, packet.payload))
    else:
        batch.commands.append((packet, command))
