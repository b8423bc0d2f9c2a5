"""What nodes tried, as their ledgers say it, and what is found of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from broker.ledger import GroundTruth, OutcomeEvent


class ReadingKey(NamedTuple):
    """What makes two readings the same: the sensor and the time, to the millisecond (UTC)."""

    sensor_id: str
    moment: str


@dataclass(slots=True)
class AttemptedReading:
    """One reading that a node tried to bring home, and what is found of it.

    Attributes:
        site: The site that it was sent to.
        value_kwh: Its value, kWh.
        sequence: The node's count.
        truth: What was done to it and what must come of it, one object for many; None where nobody said.
        reported: What the node knows of it; ``unknown`` unless it was told.
        outcome: What came of it, as far as that is found.
        times_stored: How often it is stored.
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
    """What tells payloads apart that are no readings: where they were sent, and their digest."""

    site: str
    sensor_id: str
    digest: str


@dataclass(slots=True)
class MalformedPayload:
    """A payload that is no reading.

    Attributes:
        moments: When it was made, as ids have it: once for each time that it was.
        truth: What was done to it and what must come of it.
        kinds: Why it was refused, once for each time that it is found.
    """

    moments: list[str]
    truth: GroundTruth
    kinds: list[str] = field(default_factory=list)


class Absence(NamedTuple):
    """A trouble that an alarm tells of; times are UTC, naive."""

    sensor_id: str
    rule: str
    begins: datetime
    ends: datetime
    must: bool


@dataclass(slots=True)
class Attempts:
    """All that some ledgers say.

    Attributes:
        by_identity: The readings that were tried, or withheld.
        payloads: What was sent and is no reading.
        absences: What alarms have to tell of besides.
        refused: How many found their node's outbox full and were never sent.
        torn: Lines that were cut short when a node died.
    """

    by_identity: dict[ReadingKey, AttemptedReading] = field(default_factory=dict)
    payloads: dict[PayloadKey, MalformedPayload] = field(default_factory=dict)
    absences: list[Absence] = field(default_factory=list)
    refused: int = 0
    torn: int = 0
    has_truth: bool = False

    @property
    def sensor_ids(self) -> list[str]:
        """Whose readings they are."""
        return sorted({each.sensor_id for each in self.by_identity})

    @property
    def places(self) -> set[tuple[str, str]]:
        """Site and sensor of each."""
        places = {(tried.site, each.sensor_id) for each, tried in self.by_identity.items()}
        return places | {(each.site, each.sensor_id) for each in self.payloads}

    @property
    def size(self) -> int:
        """How many things were tried that are not the same."""
        return len(self.by_identity) + len(self.payloads) + self.refused
