"""What the rules of a sensor had found just before the reading from which they are evaluated again."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from ingestor.alarms.evaluator import to_point
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.reevaluate.reading_history import Enough, ReadingHistory
from ingestor.alarms.rules.functions import RuleState, WindowReading, is_calm, period_of, to_nano
from ingestor.alarms.rules.sensor_rules import RuleHistory, SensorRules
from ingestor.alarms.sensor_state import NEVER, SensorState
from ingestor.documents import AlarmDocument, Measure
from ingestor.flag import threshold_of

Episodes = dict[str, AlarmDocument]


def is_over(document: AlarmDocument, since: datetime) -> bool:
    """Whether an episode ended before a time."""
    return document["cleared_at"] is not None and document["cleared_at"] < since


class EarlierState:
    """What was at the moment of doubt, just before its readings."""

    def __init__(
        self,
        history: ReadingHistory,
        manager: AlarmManager,
        sensor: SensorState,
        found: Sequence[AlarmDocument],
        since: datetime,
    ) -> None:
        self._history = history
        self._manager = manager
        self._place = sensor.key
        self._since = since
        kept = [each for each in found if each["retracted_at"] is None]
        self._active = {
            each["rule"]: each for each in kept if each["raised_at"] < since and not is_over(each, since)
        }
        # Counting began anew when the last episode was over.
        self._over: dict[str, datetime] = {}
        for each in kept:
            if each["cleared_at"] is not None and each["cleared_at"] < since:
                self._over[each["rule"]] = max(self._over.get(each["rule"], NEVER), each["cleared_at"])

    async def active(self) -> Episodes:
        """The episodes that went on, as they were then."""
        active: Episodes = {}
        for rule, document in self._active.items():
            begin = document["raised_at"] if rule == "budget" else document["since"]
            peak_kwh = await self._history.peak_kwh(self._place.name, begin, self._since)
            active[rule] = cast("AlarmDocument", {**document, "cleared_at": None, "peak_kwh": peak_kwh})
        return active

    async def fold(self) -> SensorRules:
        """The rules, as far as they were."""
        rules = self._manager.new_rules(self._place)
        rules.overconsumption = await self._held(rules)
        if rules.history is not None:
            await self._look_back(rules, rules.history)
        return rules

    def _since_of(self, rule: str) -> datetime | None:
        document = self._active.get(rule)
        return document["since"] if document else None

    async def _held(self, rules: SensorRules) -> RuleState:
        rule, document = rules.settings.overconsumption, self._active.get("overconsumption")
        threshold_kwh = threshold_of(self._manager.thresholds, *self._place)
        if document is None:
            has_run = rule.on_readings > 1 or rule.on_delay
            floor = self._over.get("overconsumption", NEVER)
        else:
            has_run = rule.off_readings > 1 or rule.off_delay
            floor = document["raised_at"]

        def ends_the_run(_: Sequence[Measure], measure: Measure) -> bool:
            point = to_point(measure)
            speaks = point.above if document is None else is_calm(point, threshold_kwh, rule)
            return measure["timestamp"] <= floor or not speaks

        run = await self._read_back(ends_the_run) if rule.enabled and has_run else []
        since = self._since_of("overconsumption")
        if not run:
            return RuleState(since=since) if since else rules.overconsumption
        highest_kwh = max(each["value_kwh"] for each in run)
        return RuleState(since, run[-1]["timestamp"], len(run), highest_kwh if since is None else -1.0)

    async def _look_back(self, rules: SensorRules, history: RuleHistory) -> None:
        settings = rules.settings
        if settings.stuck.is_on:
            history.flatline = await self._stuck(settings.stuck.readings or 0)
        if settings.sustained.is_on:
            begin = self._since - settings.sustained.window
            window = await self._read_back(lambda _, each: each["timestamp"] <= begin)
            spans = [
                WindowReading(each["timestamp"], to_nano(each["value_kwh"])) for each in reversed(window)
            ]
            history.window.extend(spans)
            history.window_nano = sum(each.nano_kwh for each in spans)
            first = await self._history.first_reading(self._place.name)
            history.watched_from = first if first is not None and first < self._since else None
            history.sustained_since = self._since_of("sustained")
        if settings.budget.is_on and (last := await self._read_back(lambda found, _: bool(found))):
            at = last[0]["timestamp"]
            history.period = period_of(at, history.zone, settings.budget)
            history.period_nano = await self._history.energy_nano(
                self._place.name, history.period[0], self._since
            )
            history.budget_since = self._since_of("budget")

    async def _stuck(self, readings: int) -> RuleState:
        run = await self._read_back(
            lambda run, each: len(run) > readings or each["value_kwh"] != [*run, each][0]["value_kwh"]
        )
        if not run:
            return RuleState()
        return RuleState(self._since_of("stuck"), run[-1]["timestamp"], len(run), run[0]["value_kwh"])

    async def _read_back(self, enough: Enough) -> list[Measure]:
        return await self._history.before(self._place.name, self._since, enough)
