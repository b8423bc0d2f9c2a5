"""Rule `sustained`: the mean of the readings of a window is above a limit."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from broker.program.durations import format_duration
from ingestor.alarms.evaluation.reading_history import ReadingHistory
from ingestor.alarms.rules.rule import NANO, AlarmRule, Finding, RuleState, to_nano
from ingestor.alarms.rules.setting_types import Deadband, Kwh, RuleSettings, Window
from ingestor.alarms.rules.wording import below, kwh, limit, span
from ingestor.documents import Measure


class SustainedSettings(RuleSettings):
    """The limit of the mean, kWh per reading, and how far below it the mean must be to clear the alarm."""

    needs: ClassVar[str | None] = "limit_kwh"

    limit_kwh: Kwh | None = None
    deadband_kwh: Deadband = 0.0
    window: Window = timedelta(minutes=15)


@dataclass(slots=True, eq=False)
class Sustained(RuleState[SustainedSettings]):
    """The readings of the window, and their sum. A window that is not full yet raises nothing."""

    watched_from: datetime | None = None
    window: deque[tuple[datetime, int]] = field(default_factory=deque)
    window_nano: int = 0

    def step(self, measure: Measure, threshold_kwh: float) -> None:
        """Take in the next reading."""
        at = measure["timestamp"]
        self.watched_from = self.watched_from or at
        self.window.append((at, to_nano(measure["value_kwh"])))
        self.window_nano += self.window[-1][1]
        while at - self.window[0][0] >= self.settings.window:
            self.window_nano -= self.window.popleft()[1]
        limit_nano = to_nano(self.settings.limit_kwh or 0.0)
        if self.since is None:
            is_full = at - self.watched_from >= self.settings.window
            if is_full and self.window_nano > limit_nano * len(self.window):
                self.since = at
        elif self.window_nano <= (limit_nano - to_nano(self.settings.deadband_kwh)) * len(self.window):
            self.since = None

    def describe(self, measure: Measure) -> Finding:
        """Say how high the mean is."""
        mean_kwh, limit_kwh = self.window_nano / len(self.window) / NANO, self.settings.limit_kwh
        window = format_duration(self.settings.window)
        return Finding(
            f"the mean of the last {window} is {mean_kwh:.3f} kWh, above {limit_kwh} kWh", limit_kwh
        )

    async def look_back(self, history: ReadingHistory, threshold_kwh: float, changed_at: datetime) -> None:
        """Fill the window."""
        begin = history.moment - self.settings.window
        async for each in history.before():
            if each["timestamp"] <= begin:
                break
            self.window.appendleft((each["timestamp"], to_nano(each["value_kwh"])))
            self.window_nano += self.window[0][1]
        self.watched_from = await history.first_reading()


def explain(rule: SustainedSettings, threshold_kwh: float) -> str:
    """Say when it is raised and cleared."""
    limit_kwh = rule.limit_kwh or 0.0
    level_nano = to_nano(limit_kwh) - to_nano(rule.deadband_kwh)
    cleared = f"Cleared when the mean is at or below {kwh(level_nano / NANO)}."
    return (
        f"Raised when the mean of the readings of the last {span(rule.window)} is above {kwh(limit_kwh)}, "
        "if the sensor has been known for at least that long. "
        f"{cleared if level_nano >= 0 else 'With such a deadband it is never cleared.'}"
    )


SUSTAINED = AlarmRule(
    name="sustained",
    settings=SustainedSettings,
    explain=explain,
    phrases={
        "limit_kwh": limit,
        "deadband_kwh": lambda value_kwh: f"to clear it, the mean is {below(value_kwh, 'limit')}",
        "window": lambda window: f"the mean is that of {span(window)}",
    },
    state=Sustained,
)
