"""What alarms a sensor's readings make, said in the plainest way: over all readings at once, and slowly.

It shares nothing with the states in `ingestor/alarms/rules`, which it is there to check.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingestor.alarms.rules.budget import BUDGET, BudgetSettings
from ingestor.alarms.rules.flatline import FLATLINE, FlatlineSettings
from ingestor.alarms.rules.overconsumption import OVERCONSUMPTION, OverconsumptionSettings
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.alarms.rules.setting_types import RuleSettings
from ingestor.alarms.rules.sustained import SUSTAINED, SustainedSettings


class Seen(NamedTuple):
    at: datetime
    value_kwh: float
    above: bool  # flagged as strictly above its threshold


class Episode(NamedTuple):
    rule: str
    since: datetime
    raised_at: datetime
    cleared_at: datetime | None
    peak_kwh: float


def rules_with(**tables: RuleSettings) -> AllRuleSettings:
    """All rules as they are by default, but for these."""
    return AllRuleSettings.model_validate(tables)


def episodes(
    readings: Iterable[Seen], rules: AllRuleSettings, threshold_kwh: float, zone: ZoneInfo
) -> list[Episode]:
    in_order = sorted(readings, key=lambda seen: seen.at)
    found: list[Episode] = []
    over, flatline = rules.of(OVERCONSUMPTION), rules.of(FLATLINE)
    sustained, budget = rules.of(SUSTAINED), rules.of(BUDGET)
    if over.enabled:
        found += _overconsumption(in_order, over, threshold_kwh)
    if flatline.enabled and flatline.readings is not None:
        found += _stuck(in_order, flatline, flatline.readings)
    if sustained.enabled and sustained.limit_kwh is not None:
        found += _sustained(in_order, sustained, sustained.limit_kwh)
    if budget.enabled and budget.limit_kwh is not None:
        found += _budget(in_order, budget, budget.limit_kwh, zone)
    return sorted(found, key=lambda episode: (episode.rule, episode.since))


def period_begin(at: datetime, period: str, zone: ZoneInfo) -> date:
    """The local day of a reading, or the first day of its local month."""
    day = at.replace(tzinfo=UTC).astimezone(zone).date()
    return day.replace(day=1) if period == "month" else day


def _overconsumption(
    readings: Sequence[Seen], rule: OverconsumptionSettings, threshold_kwh: float
) -> Iterator[Episode]:
    def is_above(seen: Seen) -> bool:
        return seen.above

    def is_calm(seen: Seen) -> bool:
        level = _billionths(threshold_kwh) - _billionths(rule.deadband_kwh)
        low = rule.deadband_kwh == 0 or _billionths(seen.value_kwh) <= level
        return low and not seen.above

    rest = readings
    while run := _first_long_run(rest, is_above, rule.on_readings, rule.on_delay):
        since, raised_at = run[0].at, run[-1].at
        after = [seen for seen in readings if seen.at > raised_at]
        calm = _first_long_run(after, is_calm, rule.off_readings, rule.off_delay)
        cleared_at = calm[-1].at if calm else None
        peak_kwh = _peak(readings, since, cleared_at)
        yield Episode("overconsumption", since, raised_at, cleared_at, peak_kwh)
        rest = [seen for seen in readings if cleared_at is not None and seen.at > cleared_at]


def _stuck(readings: Sequence[Seen], rule: FlatlineSettings, count: int) -> Iterator[Episode]:
    runs: list[list[Seen]] = []
    for seen in readings:
        if runs and runs[-1][-1].value_kwh == seen.value_kwh:
            runs[-1].append(seen)
        else:
            runs.append([seen])
    for index, run in enumerate(runs):
        value_kwh = run[0].value_kwh
        if len(run) >= count and (rule.zeros or value_kwh != 0):
            cleared_at = runs[index + 1][0].at if index + 1 < len(runs) else None
            yield Episode("stuck", run[0].at, run[count - 1].at, cleared_at, value_kwh)


def _sustained(readings: Sequence[Seen], rule: SustainedSettings, limit_kwh: float) -> Iterator[Episode]:
    limit = _billionths(limit_kwh)
    low = limit - _billionths(rule.deadband_kwh)
    since: datetime | None = None
    for seen in readings:
        window = [other for other in readings if seen.at - rule.window < other.at <= seen.at]
        energy = sum(_billionths(other.value_kwh) for other in window)
        if since is None:
            is_full = seen.at - readings[0].at >= rule.window
            if is_full and energy > limit * len(window):
                since = seen.at
        elif energy <= low * len(window):
            yield Episode("sustained", since, since, seen.at, _peak(readings, since, seen.at))
            since = None
    if since is not None:
        yield Episode("sustained", since, since, None, _peak(readings, since, None))


def _budget(
    readings: Sequence[Seen], rule: BudgetSettings, limit_kwh: float, zone: ZoneInfo
) -> Iterator[Episode]:
    def begin_of(seen: Seen) -> date:
        return period_begin(seen.at, rule.period, zone)

    for begin in sorted({begin_of(seen) for seen in readings}):
        inside = [seen for seen in readings if begin_of(seen) == begin]
        later = [seen for seen in readings if begin_of(seen) > begin]
        for count, seen in enumerate(inside, start=1):
            if sum(_billionths(other.value_kwh) for other in inside[:count]) > _billionths(limit_kwh):
                midnight = datetime.combine(begin, time(), zone).astimezone(UTC).replace(tzinfo=None)
                cleared_at = later[0].at if later else None
                yield Episode("budget", midnight, seen.at, cleared_at, _peak(readings, seen.at, cleared_at))
                break


def _first_long_run(
    readings: Sequence[Seen], is_in: Callable[[Seen], bool], count: int, span: timedelta
) -> list[Seen]:
    """The first run that is long enough, up to the reading at which it is; empty if none is."""
    run: list[Seen] = []
    for seen in readings:
        run = [*run, seen] if is_in(seen) else []
        if run and len(run) >= count and run[-1].at - run[0].at >= span:
            return run
    return []


def _peak(readings: Sequence[Seen], begin: datetime, end: datetime | None) -> float:
    return max(seen.value_kwh for seen in readings if begin <= seen.at and (end is None or seen.at < end))


def _billionths(kwh: float) -> int:
    return round(kwh * 1e9)
