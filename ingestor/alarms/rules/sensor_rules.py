"""One sensor's rules, folded over its readings in the order of their times."""

from collections import deque
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingestor.alarms.rules.functions import (
    NORMAL,
    Point,
    RuleState,
    WindowReading,
    budget,
    flatline,
    overconsumption,
    period_of,
    sustained,
    to_nano,
)
from ingestor.alarms.rules.rule_settings import AllRuleSettings, RuleName

READING_RULES: tuple[RuleName, ...] = ("overconsumption", "sustained", "budget", "stuck")


class Transition(NamedTuple):
    """A rule's answer changed with one reading.

    Attributes:
        before: When the alarm began that is over now; None if there was none.
        after: When the alarm began that is active now; None if there is none.
    """

    rule: RuleName
    before: datetime | None
    after: datetime | None


class SensorRules:
    """What the rules know of one sensor after its newest reading.

    Attributes:
        overconsumption: Of ``overconsumption``.
        history: Of the rules that look further; None if none of these is on.
    """

    __slots__ = ("history", "overconsumption", "settings")

    def __init__(self, rules: AllRuleSettings, zone: ZoneInfo) -> None:
        self.settings = rules
        self.overconsumption = NORMAL
        self.history = RuleHistory(rules, zone) if rules.has_history else None

    @property
    def is_quiet(self) -> bool:
        """Whether a reading that is not flagged would change nothing."""
        return self.overconsumption is NORMAL and self.history is None

    def step(self, point: Point, threshold_kwh: float) -> list[Transition]:
        """Take in the next reading; say which rules' answers changed."""
        transitions = [] if self.history is None else self.history.step(point)
        rule = self.settings.overconsumption
        if rule.enabled:
            before = self.overconsumption.since
            self.overconsumption = overconsumption(self.overconsumption, point, threshold_kwh, rule)
            if self.overconsumption.since != before:
                transitions.append(Transition("overconsumption", before, self.overconsumption.since))
        return transitions


class RuleHistory:
    """What the rules ``flatline``, ``sustained`` and ``budget`` need to know.

    Attributes:
        watched_from: The first reading of the sensor.
        window: The readings of the last while, for ``sustained``.
        window_nano: Their sum, billionths of a kWh.
        period: Begin and end of the day or month of the newest reading.
        period_nano: The energy in it so far, billionths of a kWh.
    """

    def __init__(self, rules: AllRuleSettings, zone: ZoneInfo) -> None:
        self._rules = rules
        self.zone = zone
        self.flatline = NORMAL
        self.watched_from: datetime | None = None
        self.window: deque[WindowReading] = deque()
        self.window_nano = 0
        self.sustained_since: datetime | None = None
        self.period = (datetime.min, datetime.min)  # noqa: DTZ901 - before any reading
        self.period_nano = 0
        self.budget_since: datetime | None = None

    def step(self, point: Point) -> list[Transition]:
        """Take in the next reading."""
        transitions = []
        if self._rules.stuck.is_on:
            before: RuleState = self.flatline
            self.flatline = flatline(before, point, self._rules.stuck)
            transitions.append(Transition("stuck", before.since, self.flatline.since))
        if self._rules.sustained.is_on:
            transitions.append(self._sustained(point))
        if self._rules.budget.is_on:
            transitions.append(self._budget(point))
        return [transition for transition in transitions if transition.before != transition.after]

    def _sustained(self, point: Point) -> Transition:
        rule, before = self._rules.sustained, self.sustained_since
        self.watched_from = self.watched_from or point.at
        self.window.append(WindowReading(point.at, to_nano(point.value_kwh)))
        self.window_nano += self.window[-1].nano_kwh
        while point.at - self.window[0].at >= rule.window:
            self.window_nano -= self.window.popleft().nano_kwh
        self.sustained_since = sustained(before, self.window, self.window_nano, self.watched_from, rule)
        return Transition("sustained", before, self.sustained_since)

    def _budget(self, point: Point) -> Transition:
        rule, before = self._rules.budget, self.budget_since
        if not self.period[0] <= point.at < self.period[1]:
            self.period, self.period_nano = period_of(point.at, self.zone, rule), 0
        self.period_nano += to_nano(point.value_kwh)
        self.budget_since = budget(self.period_nano, self.period[0], rule)
        return Transition("budget", before, self.budget_since)

    def late(self, point: Point) -> None:
        """Count the energy of a reading that came too late to change an alarm."""
        if self.period[0] <= point.at < self.period[1]:
            self.period_nano += to_nano(point.value_kwh)
