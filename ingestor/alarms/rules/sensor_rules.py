"""One sensor's rules, folded over its readings in the order of their times."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ingestor.alarms.rules.rule import RuleState
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.documents import AlarmDocument, Measure


class SensorRules:
    """What the rules know of one sensor after its newest reading."""

    __slots__ = ("settings", "states")

    def __init__(self, settings: AllRuleSettings, zone: ZoneInfo) -> None:
        self.settings = settings
        self.states = tuple(
            rule.state(rule.name, settings.of(rule), zone) for rule in settings.reading_rules if rule.state
        )

    @property
    def is_quiet(self) -> bool:
        """Whether a reading that is not flagged would change nothing."""
        return all(state.is_quiet for state in self.states)

    def resume(self, alarms: Mapping[str, AlarmDocument]) -> None:
        """Go on with the alarms of a sensor that are active, by rule."""
        for state in self.states:
            document = alarms.get(state.name)
            if document is not None and document["cleared_at"] is None:
                state.since = document["since"]

    def step(self, measure: Measure, threshold_kwh: float) -> list[tuple[RuleState[Any], datetime | None]]:
        """Take in the next reading; say which rules' answers changed, and what ``since`` was before."""
        transitions = []
        for state in self.states:
            before = state.since
            state.step(measure, threshold_kwh)
            if state.since != before:
                transitions.append((state, before))
        return transitions

    def late(self, measure: Measure) -> None:
        """Note a reading that came too late to change an alarm."""
        for state in self.states:
            state.late(measure)
