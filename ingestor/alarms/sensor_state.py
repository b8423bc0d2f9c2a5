"""What is known of one sensor while the ingestor runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from broker.topics import SensorKey
from ingestor.alarms.rules.rule import NEVER
from ingestor.alarms.rules.sensor_rules import SensorRules
from ingestor.documents import AlarmDocument, Measure, Shelf

LEARN_FROM = 3
# One for all of the many sensors without an alarm.
NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True)
class SensorState:
    """One sensor, or a node, which has the name of its first sensor.

    Attributes:
        at: The newest reading that the rules have seen.
        is_quiet: Whether a newer reading that is not flagged would change nothing.
        last_arrival_s: When a reading of it came last in this process, monotonic seconds; 0.0 if none did.
        interval_s: How far apart its readings are, as far as that is learned, seconds.
        to_learn: How many of its next arrivals are measured for that.
        arrived: The batch of the last arrival that was measured.
        newest_then: The newest reading before that arrival.
        is_watched: Whether somebody looks whether it becomes silent.
        alarms: Its alarms that stand, by rule.
        pending: Readings that wait until its rules are folded anew; None when they are right.
        is_primed: Whether its rules know of the readings before those of this process.
        ahead: Readings, with when they came, that were folded in before they were judged.
        shelved: What nobody wants to hear of, by rule.
    """

    key: SensorKey
    rules: SensorRules
    at: datetime = NEVER
    is_quiet: bool = False
    last_arrival_s: float = 0.0
    interval_s: float | None = None
    to_learn: int = LEARN_FROM
    arrived: datetime = NEVER
    newest_then: datetime = NEVER
    is_watched: bool = False
    alarms: Mapping[str, AlarmDocument] = field(default_factory=lambda: NONE)
    pending: list[Measure] | None = None
    is_primed: bool = True
    ahead: dict[datetime, datetime] | None = None
    shelved: Mapping[str, Shelf] = field(default_factory=lambda: NONE)

    def is_active(self, rule: str) -> bool:
        """Whether an alarm of a rule goes on."""
        document = self.alarms.get(rule)
        return document is not None and document["cleared_at"] is None

    def update_quiet(self) -> None:
        """Find out whether it is quiet."""
        self.is_quiet = (
            self.rules.is_quiet
            and self.to_learn == 0
            and self.pending is None
            and self.ahead is None
            and self.is_primed
            and not self.alarms
        )
