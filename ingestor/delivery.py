"""What travels through the stages: one delivery of the broker, with an outcome for each of its rows.

A delivery is decoded into rows. Each row has one outcome, which later stages replace: the document to be
stored, which stands for *stored* once the database has answered; a duplicate; or a rejection.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, final

from mqtt5 import PublishPacket
from pydantic_core import to_json

from broker.connection import Connection
from broker.messages import NodeStatus, ReadingRow
from broker.topics import SensorKey
from ingestor.documents import Measure, Timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

INVALID_IDS = "site and sensor in the topic may have 1 to 64 letters, digits, dots, underscores and dashes"


class RejectKind(StrEnum):
    """Why something was rejected, in one word, as ``rejected`` and ``energy/rejected/…`` have it."""

    NOT_JSON = "not_json"
    INVALID = "invalid"
    TOPIC = "topic"
    TIME = "time"
    TOO_LARGE = "too_large"
    RETAINED = "retained"
    CONFLICT = "conflict"
    DATABASE = "refused"
    FOREIGN = "foreign"
    FLOOD = "flood"
    STATUS = "status"
    COMMAND = "command"
    POISON = "poison"


@final
@dataclass(frozen=True, slots=True)
class Rejection:
    """A payload, or one row of it, that is not stored as a reading.

    Attributes:
        reason: One sentence for people.
        payload: The bytes as they came; for one row of an array, that row, as JSON if it could be read.
        row: Which row of an array, counted from 0.
        sequence: The reading's, if one could be read: its sensor need not send it again.
    """

    kind: RejectKind
    reason: str
    topic: str
    payload: bytes
    row: int | None = None
    sequence: int | None = None


class Duplicate(Enum):
    """The outcome of a row whose reading was stored before, with the same value."""

    STORED_BEFORE = "stored before"


DecodedReading = tuple[ReadingRow, Timestamp]
"""A row that could be read, and its time."""

Outcome = Measure | Duplicate | Rejection


class Delivery:
    """One message of the broker.

    Args:
        packet: The message.
        key: The site and the sensor of its topic; None if they are no ids.

    Attributes:
        is_array: Whether its rows are numbered.
        rows: What it holds, as decoded; a rejection for a row that could not be read.
        outcomes: What became of each row. None for statuses and commands, unless they are rejected.
    """

    __slots__ = ("is_array", "key", "outcomes", "packet", "rows")

    def __init__(self, packet: PublishPacket, key: SensorKey | None) -> None:
        self.packet = packet
        self.key = key
        self.is_array = False
        self.rows: Sequence[DecodedReading | Rejection] = ()
        self.outcomes: Sequence[Outcome] = ()

    def reject(self, kind: RejectKind, reason: str) -> Rejection:
        """Make a rejection of the whole payload."""
        return Rejection(kind, reason, self.packet.topic, self.packet.payload)

    def reject_row(self, index: int, reading: ReadingRow, kind: RejectKind, reason: str) -> Rejection:
        """Make a rejection of a row that could be read; what is kept of a row is JSON in all formats."""
        topic, payload, sequence = self.packet.topic, self.packet.payload, reading.get("sequence")
        if self.is_array:
            return Rejection(kind, reason, topic, to_json(reading), index, sequence)
        return Rejection(kind, reason, topic, payload, None, sequence)


@dataclass(slots=True)
class Batch:
    """Deliveries of one connection whose readings are stored together.

    Attributes:
        received_at: When it was opened, UTC, naive; later than any batch before.
        connection: What brought all its deliveries, and on which alone they can be acknowledged. None if
            they were set aside before, and acknowledged then.
        deliveries: In the order of arrival, in which they are acknowledged.
        measures: The documents to be stored, in the order of their rows.
        stored: Those of them that are stored now and were not before.
        statuses: What each node said last; None where somebody removed a retained status.
        commands: The deliveries that are commands and let in; they have no outcomes.
        deferred: The deliveries that are set aside; they have no outcomes yet.
        size: How many outcomes there are.
        unfinished: How much of it is still worked on: its readings, its commands.
        set_aside_at: When its deliveries were set aside, if they were.
    """

    received_at: datetime
    connection: Connection | None
    deliveries: list[Delivery] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    stored: list[Measure] = field(default_factory=list)
    statuses: dict[SensorKey, NodeStatus | None] = field(default_factory=dict)
    commands: list[Delivery] = field(default_factory=list)
    deferred: list[Delivery] = field(default_factory=list)
    size: int = 0
    unfinished: int = 1
    set_aside_at: datetime | None = None

    def __len__(self) -> int:
        return self.size

    @property
    def arrived_at(self) -> datetime:
        """When its deliveries came, UTC, naive."""
        return self.set_aside_at or self.received_at

    @property
    def rejections(self) -> list[Rejection]:
        """What is not stored as a reading, or is no status or command."""
        if len(self.stored) == self.size:
            return []
        return [
            each for delivery in self.deliveries for each in delivery.outcomes if isinstance(each, Rejection)
        ]
