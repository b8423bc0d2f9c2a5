"""The expected outcome of each reading, and the expected alarms, for the ledger.

The rules of the README are written down a second time on purpose: a check of the ingestor must not ask
the ingestor.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from broker.ledger import ExpectedAlarmEntry, ExpectedOutcome, GroundTruth, MalformedEntry, payload_digest
from broker.messages import MAX_VALUE_KWH
from broker.topics import SensorKey

OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
MAX_AHEAD = timedelta(minutes=5)
LATE_AFTER = timedelta(minutes=10)
# A reading that is younger than that when it is sent is not late when it arrives.
SURELY_IN_TIME = timedelta(minutes=5)
# The rule `silent` waits for five learned intervals, at least 5 s. A learned interval may be somewhat longer
# than the real one. A node that is away for 4 to 8 s may raise the alarm `offline` or not.
MUST_ALARM_INTERVALS, MUST_ALARM_AFTER = 8, timedelta(seconds=8)
NO_ALARM_INTERVALS, NO_ALARM_WITHIN = 4, timedelta(seconds=4)


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


def expected_alarms(
    sensor_key: SensorKey, interval: timedelta | None, begins: datetime, length: timedelta, *, is_told: bool
) -> list[ExpectedAlarmEntry]:
    """The alarm of a silent meter, or of a node that is off; none if that is short.

    Args:
        sensor_key: The meter or the node.
        interval: Time between two readings of the meter; None for a node.
        begins: The last reading before.
        length: How long there are no readings.
        is_told: Whether the alarm must be raised if that is long: it only reports live readings.
    """
    usual = interval or timedelta(0)
    if length <= max(NO_ALARM_WITHIN, NO_ALARM_INTERVALS * usual):
        return []
    return [
        ExpectedAlarmEntry(
            event="trouble",
            site=sensor_key.site,
            sensor_id=sensor_key.name,
            rule="offline" if interval is None else "silent",
            begins=begins,
            ends=begins + length,
            must=is_told and length >= max(MUST_ALARM_AFTER, MUST_ALARM_INTERVALS * usual),
        )
    ]
