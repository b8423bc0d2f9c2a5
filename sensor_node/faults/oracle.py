"""The expected outcome of each reading, for the ledger.

The rules of the README are written down a second time on purpose: a check of the ingestor must not ask
the ingestor.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from broker.ledger import ExpectedOutcome, GroundTruth, MalformedEntry, payload_digest
from broker.messages import MAX_VALUE_KWH
from broker.topics import SensorKey

OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
MAX_AHEAD = timedelta(minutes=5)
LATE_AFTER = timedelta(minutes=10)
# A reading that is younger than that when it is sent is not late when it arrives.
SURELY_IN_TIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class MeterOutput:
    """One output of a meter; ``rejection`` is why the ingestor must reject it, if it was corrupted."""

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
        """Whether it is a well-formed reading, though its time may be rejected."""
        return self.rejection is None and 0 <= self.value_kwh <= MAX_VALUE_KWH


def ground_truth(output: MeterOutput, now: datetime, threshold_kwh: float) -> GroundTruth:
    """Faults and expected outcome of an output that is about to be sent at ``now`` (UTC)."""
    return GroundTruth(faults=output.faults, must=_expected_outcome(output, now, threshold_kwh))


def malformed_entry(output: MeterOutput, truth: GroundTruth, now: datetime) -> MalformedEntry:
    """The ledger's entry of a payload that is not a reading."""
    return MalformedEntry(
        event="malformed",
        site=output.sensor_key.site,
        sensor_id=output.sensor_key.name,
        at=now,
        digest=payload_digest(output.payload),
        faults=output.faults,
        must=truth.must,
    )


def _expected_outcome(output: MeterOutput, now: datetime, threshold_kwh: float) -> ExpectedOutcome:
    if output.is_withheld:
        return ExpectedOutcome(fate="absent")
    if not output.is_reading:
        return ExpectedOutcome(fate="rejected", kind=output.rejection or "invalid")
    if not OLDEST <= output.timestamp <= now + MAX_AHEAD:
        return ExpectedOutcome(fate="rejected", kind="time")
    age = now - output.timestamp
    late = True if age > LATE_AFTER else False if age < SURELY_IN_TIME else None
    flagged = output.value_kwh > threshold_kwh
    return ExpectedOutcome(fate="stored", flagged=flagged, late=late, copies=output.copies)
