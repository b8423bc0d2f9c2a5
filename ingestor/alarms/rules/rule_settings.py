"""What can be set of each rule, and for whom: the tables of `alarms.toml` that hold rules."""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from broker.settings import parse_duration

MAX_WINDOW = timedelta(hours=24)
ZERO = timedelta(0)

Severity = Literal["critical", "major", "minor", "warning"]
RuleName = Literal[
    "overconsumption", "sustained", "budget", "stuck", "silent", "offline", "clock", "rejecting"
]


def _read_span(value: object) -> object:
    # A number without a unit would be taken for seconds, and true for one second.
    return parse_duration(value if isinstance(value, str | timedelta) else "")


def _check_span(span: timedelta) -> timedelta:
    if not ZERO <= span <= MAX_WINDOW:
        raise ValueError("a time here is at least 0s and at most 24h")
    return span


def _check_window(span: timedelta) -> timedelta:
    if not span:
        raise ValueError("this time is more than 0s")
    return span


# Strict: no setting is guessed from text, and true is no 1.
Flag = Annotated[bool, Field(strict=True)]
Span = Annotated[timedelta, BeforeValidator(_read_span), AfterValidator(_check_span)]
Window = Annotated[Span, AfterValidator(_check_window)]
Count = Annotated[int, Field(ge=1, le=1000, strict=True)]
Kwh = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False, strict=True)]
Deadband = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False, strict=True)]


class ConfigTable(BaseModel):
    """One table of the file: what it does not know, it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleSettings(ConfigTable):
    """What every rule has.

    Attributes:
        enabled: Whether it is looked at.
        severity: How bad it is.
        wait_for_acknowledgement: Whether an alarm that is over stands until somebody has seen it.
    """

    enabled: Flag = True
    severity: Severity = "major"
    wait_for_acknowledgement: Flag = False

    @property
    def is_on(self) -> bool:
        """Whether there is something to look at."""
        return self.enabled


class OverconsumptionSettings(RuleSettings):
    """A reading strictly above the sensor's threshold.

    Attributes:
        threshold_kwh: The threshold, for a site or a sensor; ENERGY_THRESHOLD_KWH if None.
        on_readings: How many in a row raise it.
        on_delay: How long they must last at least, from the first to the last.
        deadband_kwh: How far below the threshold a reading must be to clear it.
        off_readings: How many such in a row clear it.
        off_delay: How long they must last at least.
    """

    threshold_kwh: Kwh | None = None
    on_readings: Count = 1
    on_delay: Span = ZERO
    deadband_kwh: Deadband = 0.0
    off_readings: Count = 1
    off_delay: Span = ZERO


class SustainedSettings(RuleSettings):
    """The mean of the readings of a window is above a limit.

    Attributes:
        limit_kwh: The limit, kWh per reading; off if None.
        deadband_kwh: How far below the limit the mean must be to clear it.
        window: How long the window is. It must have been watched that long.
    """

    limit_kwh: Kwh | None = None
    deadband_kwh: Deadband = 0.0
    window: Window = timedelta(minutes=15)

    @property
    def is_on(self) -> bool:
        """Whether there is something to look at."""
        return self.enabled and self.limit_kwh is not None


class BudgetSettings(RuleSettings):
    """The energy since local midnight, or since the first of the month, is above a limit.

    Attributes:
        limit_kwh: The limit, kWh; off if None.
        period: What the limit is for.
    """

    severity: Severity = "minor"
    limit_kwh: Kwh | None = None
    period: Literal["day", "month"] = "day"

    @property
    def is_on(self) -> bool:
        """Whether there is something to look at."""
        return self.enabled and self.limit_kwh is not None


class FlatlineSettings(RuleSettings):
    """The same value many times.

    Attributes:
        readings: How many times; off if None.
        zeros: Whether it may be 0.0, which many meters rightly say all night.
    """

    severity: Severity = "minor"
    readings: Annotated[int, Field(ge=2, le=1000, strict=True)] | None = None
    zeros: Flag = False

    @property
    def is_on(self) -> bool:
        """Whether there is something to look at."""
        return self.enabled and self.readings is not None


class StaleSettings(RuleSettings):
    """No reading for some expected intervals.

    Attributes:
        intervals: How many.
        interval: The expected one; learned from the sensor's readings if None.
        at_least: A silence shorter than this is none, however short the interval.
    """

    intervals: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False, strict=True)] = 5.0
    interval: Window | None = None
    at_least: Span = timedelta(seconds=5)


class OfflineSettings(RuleSettings):
    """The broker has published a node's Last Will.

    Attributes:
        after: How long the node must stay away.
    """

    severity: Severity = "minor"
    after: Span = timedelta(seconds=5)


class RejectingSettings(RuleSettings):
    """Payloads of a sensor are refused.

    Attributes:
        payloads: How many, none of them longer ago than ``quiet``, raise it.
        quiet: It is cleared when none was refused for so long.
    """

    severity: Severity = "minor"
    payloads: Count = 3
    quiet: Window = timedelta(minutes=1)


class ClockSettings(RejectingSettings):
    """Readings of a sensor are refused for their time."""

    payloads: Count = 1


class AllRuleSettings(ConfigTable):
    """All rules for one sensor."""

    overconsumption: OverconsumptionSettings = OverconsumptionSettings()
    sustained: SustainedSettings = SustainedSettings()
    budget: BudgetSettings = BudgetSettings()
    stuck: FlatlineSettings = FlatlineSettings()
    silent: StaleSettings = StaleSettings()
    offline: OfflineSettings = OfflineSettings()
    clock: ClockSettings = ClockSettings()
    rejecting: RejectingSettings = RejectingSettings()

    @cached_property
    def has_history(self) -> bool:
        """Whether a rule looks at more of a reading than whether it is above its threshold."""
        return self.sustained.is_on or self.budget.is_on or self.stuck.is_on

    @cached_property
    def looks_back(self) -> bool:
        """Whether the state of a sensor does not follow from its alarms and its next reading alone."""
        rule = self.overconsumption
        has_runs = rule.on_readings > 1 or rule.off_readings > 1 or bool(rule.on_delay or rule.off_delay)
        return has_runs or self.has_history

    def rule(self, name: RuleName) -> RuleSettings:
        """One of them by name."""
        found: RuleSettings = getattr(self, name)
        return found
