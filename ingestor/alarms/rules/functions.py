"""The rules, each a pure function over one sensor's history: what was so far, and what comes next.

A state is never changed; each function gives back the next one, and the same history gives the same
states. Times are those of the readings, so it makes no difference when they arrive. The terms are
those of ISA-18.2 and IEC 62682: deadband, on-delay and off-delay keep an alarm from flapping.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingestor.alarms.rules.rule_settings import (
    BudgetSettings,
    FlatlineSettings,
    OverconsumptionSettings,
    StaleSettings,
    SustainedSettings,
)

NANO = 1_000_000_000


class Point(NamedTuple):
    """One reading of a sensor.

    Attributes:
        at: Its time.
        value_kwh: Its energy, kWh.
        above: Whether it was flagged as strictly above its threshold.
    """

    at: datetime
    value_kwh: float
    above: bool


class RuleState(NamedTuple):
    """Where a rule with delays is.

    Attributes:
        since: When the alarm began that is active; None if none is.
        began: The first of the readings in a row that speak for a change; None if the last did not.
        length: How many these are.
        value_kwh: The highest of the readings that raise an alarm; or the one that is ``flatline``.
    """

    since: datetime | None = None
    began: datetime | None = None
    length: int = 0
    value_kwh: float = -1.0


NORMAL = RuleState()


def overconsumption(
    state: RuleState, point: Point, threshold_kwh: float, rule: OverconsumptionSettings
) -> RuleState:
    """Strictly above the threshold, for so many readings and so long; until it is as long calm.

    Args:
        state: Before this reading.
        point: The reading.
        threshold_kwh: The sensor's threshold, from which the deadband is measured, kWh.
        rule: Deadband and delays.
    """
    if state.since is None:
        if not point.above:
            return NORMAL
        began, length = state.began or point.at, state.length + 1
        highest_kwh = max(state.value_kwh, point.value_kwh)
        if length >= rule.on_readings and point.at - began >= rule.on_delay:
            return RuleState(since=began, value_kwh=highest_kwh)
        return RuleState(None, began, length, highest_kwh)
    if not is_calm(point, threshold_kwh, rule):
        return state if state.began is None else RuleState(since=state.since)
    began, length = state.began or point.at, state.length + 1
    if length >= rule.off_readings and point.at - began >= rule.off_delay:
        return NORMAL
    return RuleState(state.since, began, length)


def is_calm(point: Point, threshold_kwh: float, rule: OverconsumptionSettings) -> bool:
    """Whether a reading speaks for clearing: not flagged, and below the deadband if there is one."""
    if point.above:
        return False
    if not rule.deadband_kwh:
        return True
    return to_nano(point.value_kwh) <= to_nano(threshold_kwh) - to_nano(rule.deadband_kwh)


def flatline(state: RuleState, point: Point, rule: FlatlineSettings) -> RuleState:
    """The same value many times, from the first of them until there is another value."""
    if point.value_kwh != state.value_kwh:
        return RuleState(None, point.at, 1, point.value_kwh)
    state = state._replace(length=state.length + 1)
    if state.since is None and state.length >= (rule.readings or 0) and (point.value_kwh or rule.zeros):
        return state._replace(since=state.began)
    return state


class WindowReading(NamedTuple):
    """A reading in a window, its energy in billionths of a kWh: whole numbers add up exactly."""

    at: datetime
    nano_kwh: int


def to_nano(value_kwh: float) -> int:
    """Energy in billionths of a kWh."""
    return round(value_kwh * NANO)


def sustained(
    since: datetime | None,
    window: Sequence[WindowReading],
    total_nano: int,
    watched_from: datetime,
    rule: SustainedSettings,
) -> datetime | None:
    """The mean of a window is above a limit: since when, or None.

    Args:
        since: Since when it was so before the newest reading.
        window: The readings of the last ``rule.window``, the newest last.
        total_nano: Their sum.
        watched_from: The sensor's first reading known. A window that is not full yet raises nothing.
        rule: Limit, deadband and window.
    """
    at = window[-1].at
    limit_nano = to_nano(rule.limit_kwh or 0.0)
    if since is not None:
        limit_nano -= to_nano(rule.deadband_kwh)
    elif at - watched_from < rule.window:
        return None
    return (since or at) if total_nano > limit_nano * len(window) else None


def budget(total_nano: int, start: datetime, rule: BudgetSettings) -> datetime | None:
    """The energy of a day or month is strictly above the limit: the start of that, or None."""
    return start if rule.limit_kwh is not None and total_nano > to_nano(rule.limit_kwh) else None


def period_of(at: datetime, zone: ZoneInfo, rule: BudgetSettings) -> tuple[datetime, datetime]:
    """When the day or month of a time begins and ends, by the clocks of a time zone.

    Args:
        at: The time, UTC, naive, as are the results.
        zone: The time zone.
        rule: Day or month.
    """
    local = at.replace(tzinfo=UTC).astimezone(zone)
    first = datetime(local.year, local.month, 1 if rule.period == "month" else local.day, tzinfo=zone)
    # Beyond the end whatever the month's length, and a day that has 25 hours.
    beyond = first.replace(tzinfo=None) + timedelta(days=32 if rule.period == "month" else 1)
    last = datetime(beyond.year, beyond.month, 1 if rule.period == "month" else beyond.day, tzinfo=zone)
    return _to_utc(first), _to_utc(last)


def _to_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def stale_after(interval_s: float | None, rule: StaleSettings) -> float | None:
    """How long a sensor may say nothing before it is silent, seconds; None while nobody knows.

    Args:
        interval_s: The interval that was learned, seconds.
        rule: How many intervals, and perhaps the interval itself.
    """
    if rule.interval is not None:
        interval_s = rule.interval.total_seconds()
    return None if interval_s is None else max(rule.intervals * interval_s, rule.at_least.total_seconds())


def learn_interval(interval_s: float | None, gap_s: float) -> float:
    """The expected interval after one more gap: quick to grow, slow to shrink, hard to mislead.

    A gap that is itself a silence counts as five intervals at most.
    """
    if interval_s is None:
        return gap_s
    gap_s = min(gap_s, 5 * interval_s)
    return interval_s + (gap_s - interval_s) * (0.5 if gap_s > interval_s else 0.125)


def recent_rejections(moments: Sequence[datetime], now: datetime, quiet: timedelta) -> Sequence[datetime]:
    """Those refusals that still count: none longer ago than ``quiet``."""
    return [moment for moment in moments if now - moment <= quiet]
