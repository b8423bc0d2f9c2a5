"""What is known of one sensor while the ingestor runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from broker.topics import SensorKey
from ingestor.alarms.evaluation.meanwhile import Ahead, Meanwhile
from ingestor.alarms.rules.rule import NEVER
from ingestor.alarms.rules.sensor_rules import SensorRules
from ingestor.documents import AlarmDocument, Shelf

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
        is_dirty: Whether its rules must be evaluated again.
        meanwhile: What comes while they are; None at other times.
        is_primed: Whether its rules know of the readings before those of this process.
        ahead: Readings that were found stored, and evaluated, before they came here; None if there are none.
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
    is_dirty: bool = False
    meanwhile: Meanwhile | None = None
    is_primed: bool = True
    ahead: Ahead | None = None
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
            and not self.is_dirty
            and self.ahead is None
            and self.is_primed
            and not self.alarms
        )
