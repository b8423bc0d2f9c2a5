"""What nodes tried, as their ledgers say it, and what is found of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from broker.ledger import GroundTruth, OutcomeEvent
from broker.topics import SensorKey


class ReadingKey(NamedTuple):
    """The sensor and the time of a reading, as its id has them."""

    sensor_id: str
    moment: str


@dataclass(slots=True)
class AttemptedReading:
    """One reading that a node made.

    Attributes:
        truth: What was done to it and what must come of it, one object for many; None where nobody said.
        reported: What its node knows of it.
        outcome: What came of it, as far as that is found.
        is_late: Whether it was older than ten minutes when it came.
    """

    site: str
    value_kwh: float
    sequence: int
    truth: GroundTruth | None = None
    reported: OutcomeEvent = "unknown"
    outcome: str = "absent"
    times_stored: int = 0
    is_late: bool = False

    @property
    def expected(self) -> str | None:
        """What must come of it, in one word; None where nobody said."""
        return self.truth.must.fate if self.truth else None


class PayloadKey(NamedTuple):
    """What tells malformed payloads apart."""

    site: str
    sensor_id: str
    digest: str


@dataclass(slots=True)
class MalformedPayload:
    """A payload that is no reading: when it was made and why it was rejected, once for each time."""

    moments: list[str]
    truth: GroundTruth
    kinds: list[str] = field(default_factory=list)


class Absence(NamedTuple):
    """A silence or outage, of which an alarm must or may tell; times are UTC, naive."""

    sensor_id: str
    rule: str
    begins: datetime
    ends: datetime
    must: bool


@dataclass(slots=True)
class Attempts:
    """All that some ledgers say.

    Attributes:
        not_sent: How many readings found their node's outbox full and were never sent.
        torn: Lines that were cut short when a node died.
        has_truth: Whether the ledgers say what must come of anything.
        came: When the first and the last of all that is found came, by the ingestor's clock (UTC, naive);
            None as long as nothing is.
    """

    by_identity: dict[ReadingKey, AttemptedReading] = field(default_factory=dict)
    payloads: dict[PayloadKey, MalformedPayload] = field(default_factory=dict)
    absences: list[Absence] = field(default_factory=list)
    not_sent: int = 0
    torn: int = 0
    has_truth: bool = False
    came: tuple[datetime, datetime] | None = None

    def note_arrival(self, at: datetime) -> None:
        """Note when something came."""
        first, last = self.came or (at, at)
        self.came = min(first, at), max(last, at)

    @property
    def sensors(self) -> set[SensorKey]:
        """Site and sensor of each reading and payload."""
        sensors = {SensorKey(tried.site, key.sensor_id) for key, tried in self.by_identity.items()}
        return sensors | {SensorKey(key.site, key.sensor_id) for key in self.payloads}

    @property
    def size(self) -> int:
        """How many different things were tried."""
        return len(self.by_identity) + len(self.payloads) + self.not_sent
