"""One sensor's rules, folded over its readings in the order of their times."""

from collections import deque
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingestor.alarms.rulebook import RuleName, Rules
from ingestor.alarms.rules import (
    NORMAL,
    Held,
    Point,
    Span,
    budget,
    overconsumption,
    period_of,
    stuck,
    sustained,
    to_nano,
)

READING_RULES: tuple[RuleName, ...] = ("overconsumption", "sustained", "budget", "stuck")


class Turn(NamedTuple):
    """A rule's answer changed with one reading.

    Attributes:
        before: When the alarm began that is over now; None if there was none.
        after: When the alarm began that is active now; None if there is none.
    """

    rule: RuleName
    before: datetime | None
    after: datetime | None


class Fold:
    """What the rules know of one sensor after its newest reading.

    Attributes:
        held: Of ``overconsumption``.
        history: Of the rules that look further; None if none of these is on.
    """

    __slots__ = ("held", "history", "rules")

    def __init__(self, rules: Rules, zone: ZoneInfo) -> None:
        self.rules = rules
        self.held = NORMAL
        self.history = History(rules, zone) if rules.has_history else None

    @property
    def is_quiet(self) -> bool:
        """Whether a reading that is not flagged would change nothing."""
        return self.held is NORMAL and self.history is None

    def step(self, point: Point, threshold_kwh: float) -> list[Turn]:
        """Take in the next reading; say which rules' answers changed."""
        turns = [] if self.history is None else self.history.step(point)
        rule = self.rules.overconsumption
        if rule.enabled:
            before = self.held.since
            self.held = overconsumption(self.held, point, threshold_kwh, rule)
            if self.held.since != before:
                turns.append(Turn("overconsumption", before, self.held.since))
        return turns


class History:
    """What the rules ``stuck``, ``sustained`` and ``budget`` need to know.

    Attributes:
        watched_from: The first reading of the sensor.
        window: The readings of the last while, for ``sustained``.
        window_nano: Their sum, billionths of a kWh.
        period: Begin and end of the day or month of the newest reading.
        period_nano: The energy in it so far, billionths of a kWh.
    """

    def __init__(self, rules: Rules, zone: ZoneInfo) -> None:
        self._rules = rules
        self.zone = zone
        self.stuck = NORMAL
        self.watched_from: datetime | None = None
        self.window: deque[Span] = deque()
        self.window_nano = 0
        self.sustained_since: datetime | None = None
        self.period = (datetime.min, datetime.min)  # noqa: DTZ901 - before any reading
        self.period_nano = 0
        self.budget_since: datetime | None = None

    def step(self, point: Point) -> list[Turn]:
        """Take in the next reading."""
        turns = []
        if self._rules.stuck.is_on:
            before: Held = self.stuck
            self.stuck = stuck(before, point, self._rules.stuck)
            turns.append(Turn("stuck", before.since, self.stuck.since))
        if self._rules.sustained.is_on:
            turns.append(self._sustained(point))
        if self._rules.budget.is_on:
            turns.append(self._budget(point))
        return [turn for turn in turns if turn.before != turn.after]

    def _sustained(self, point: Point) -> Turn:
        rule, before = self._rules.sustained, self.sustained_since
        self.watched_from = self.watched_from or point.at
        self.window.append(Span(point.at, to_nano(point.value_kwh)))
        self.window_nano += self.window[-1].nano_kwh
        while point.at - self.window[0].at >= rule.window:
            self.window_nano -= self.window.popleft().nano_kwh
        self.sustained_since = sustained(before, self.window, self.window_nano, self.watched_from, rule)
        return Turn("sustained", before, self.sustained_since)

    def _budget(self, point: Point) -> Turn:
        rule, before = self._rules.budget, self.budget_since
        if not self.period[0] <= point.at < self.period[1]:
            self.period, self.period_nano = period_of(point.at, self.zone, rule), 0
        self.period_nano += to_nano(point.value_kwh)
        self.budget_since = budget(self.period_nano, self.period[0], rule)
        return Turn("budget", before, self.budget_since)

    def late(self, point: Point) -> None:
        """Count the energy of a reading that came too late to change an alarm."""
        if self.period[0] <= point.at < self.period[1]:
            self.period_nano += to_nano(point.value_kwh)
