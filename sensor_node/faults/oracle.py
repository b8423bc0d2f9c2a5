"""What must come of a reading, by the rules that everybody knows: the ground truth in a ledger.

The rules are those of the README, written down a second time on purpose: what checks the ingestor
must not ask it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from broker.ledger import ExpectedOutcome, GroundTruth, MalformedEntry, payload_digest
from broker.messages import MAX_VALUE_KWH
from broker.topics import SensorKey

OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
MAX_AHEAD = timedelta(minutes=5)
LATE_AFTER = timedelta(minutes=10)
# A reading that is made now and younger than that is not late yet when it arrives.
SURELY_IN_TIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class MeterOutput:
    """What a meter gives out.

    Attributes:
        sensor_key: Whose it is.
        sequence: The meter's count.
        timestamp: The time that it says.
        value_kwh: Its value, kWh.
        payload: What is sent.
        faults: Which faults are in it.
        rejection: Why the payload must be rejected, if it was spoiled.
        copies: How often it is sent.
        is_withheld: Whether it is never sent.
    """

    sensor_key: SensorKey
    sequence: int
    timestamp: datetime
    value_kwh: float
    payload: bytes
    faults: tuple[str, ...] = ()
    rejection: str | None = None
    copies: int = 1
    is_withheld: bool = False

    @property
    def is_reading(self) -> bool:
        """Whether it is a reading at all, though perhaps not one that can be stored."""
        return self.rejection is None and 0 <= self.value_kwh <= MAX_VALUE_KWH


def ground_truth(made: MeterOutput, now: datetime, threshold_kwh: float) -> GroundTruth:
    """Say what must come of it.

    Args:
        made: What is about to be sent.
        now: The clock, UTC.
        threshold_kwh: What is strictly above it is flagged, kWh.
    """
    return GroundTruth(faults=made.faults, must=_expected_outcome(made, now, threshold_kwh))


def malformed_entry(made: MeterOutput, truth: GroundTruth, now: datetime) -> MalformedEntry:
    """The ledger's entry of a payload that is no reading.

    Args:
        made: What is about to be sent.
        truth: What must come of it.
        now: The clock, UTC.
    """
    return MalformedEntry(
        event="malformed",
        site=made.sensor_key.site,
        sensor_id=made.sensor_key.name,
        at=now,
        digest=payload_digest(made.payload),
        faults=made.faults,
        must=truth.must,
    )


def _expected_outcome(made: MeterOutput, now: datetime, threshold_kwh: float) -> ExpectedOutcome:
    if made.is_withheld:
        return ExpectedOutcome(fate="absent")
    if not made.is_reading:
        return ExpectedOutcome(fate="rejected", kind=made.rejection or "invalid")
    if not OLDEST <= made.timestamp <= now + MAX_AHEAD:
        return ExpectedOutcome(fate="rejected", kind="time")
    age = now - made.timestamp
    late = True if age > LATE_AFTER else False if age < SURELY_IN_TIME else None
    flagged = made.value_kwh > threshold_kwh
    return ExpectedOutcome(fate="stored", flagged=flagged, late=late, copies=made.copies)
