"""Rule `silent`, also called `stale`: no reading for some expected intervals."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from ingestor.alarms.rules.rule import AlarmRule
from ingestor.alarms.rules.setting_types import RuleSettings, Span, Window
from ingestor.alarms.rules.wording import span


class StaleSettings(RuleSettings):
    """How many expected intervals, and how long at least.

    Attributes:
        interval: The expected one; learned from the sensor's readings if None.
    """

    intervals: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False, strict=True)] = 5.0
    interval: Window | None = None
    at_least: Span = timedelta(seconds=5)


def stale_after(interval_s: float | None, rule: StaleSettings) -> float | None:
    """How long a sensor may say nothing before it is stale, seconds; None if it is off or nobody knows.

    Args:
        interval_s: The interval that was learned, seconds.
        rule: How many intervals, and perhaps the interval itself.
    """
    if rule.interval is not None:
        interval_s = rule.interval.total_seconds()
    if interval_s is None or not rule.enabled:
        return None
    return max(rule.intervals * interval_s, rule.at_least.total_seconds())


def learn_interval(interval_s: float | None, gap_s: float) -> float:
    """The expected interval after one more gap: quick to grow, slow to shrink, hard to mislead.

    A gap that is itself a silence counts as five intervals at most.
    """
    if interval_s is None:
        return gap_s
    gap_s = min(gap_s, 5 * interval_s)
    return interval_s + (gap_s - interval_s) * (0.5 if gap_s > interval_s else 0.125)


def explain(rule: StaleSettings, threshold_kwh: float) -> str:
    """Say when it is raised and cleared."""
    if rule.interval is not None:
        length = span(max(rule.interval * rule.intervals, rule.at_least))
    else:
        times = f"{_number(rule.intervals)} times " * (rule.intervals != 1)
        least = f", and for at least {span(rule.at_least)}" * bool(rule.at_least)
        length = f"{times}the usual interval, which is learned from its readings{least}"
    return (
        f"Raised when no reading of a sensor has come for {length}; not while its node is offline. "
        "Cleared by its next reading."
    )


def _number(number: float) -> str:
    return str(float(number)).removesuffix(".0")


STALE = AlarmRule(
    name="silent",
    alias="stale",
    settings=StaleSettings,
    explain=explain,
    phrases={
        "intervals": lambda count: (
            f"raising it takes at least {_number(count)} interval{'s' * (count != 1)} without a reading"
        ),
        "interval": lambda interval: f"a reading is expected every {span(interval)}",
        "at_least": lambda time: (
            f"a silence shorter than {span(time)} is none" if time else "no silence is too short to be one"
        ),
    },
)
