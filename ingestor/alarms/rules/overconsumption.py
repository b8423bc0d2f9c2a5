"""Rule `overconsumption`: readings strictly above the sensor's threshold."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestor.alarms.evaluation.reading_history import ReadingHistory
from ingestor.alarms.rules.rule import NEVER, AlarmRule, Finding, RuleState, to_nano
from ingestor.alarms.rules.setting_types import ZERO, Count, Deadband, Kwh, RuleSettings, Span
from ingestor.alarms.rules.wording import below, kwh, many, nth, span
from ingestor.documents import Measure


class OverconsumptionSettings(RuleSettings):
    """So many readings in a row, for so long, raise it, and so many calm ones clear it.

    Attributes:
        threshold_kwh: The threshold, for a site or a sensor; ENERGY_THRESHOLD_KWH if None.
        on_delay: How long the readings that raise it must last, from the first to the last.
        deadband_kwh: How far below the threshold a reading must be to clear it.
    """

    threshold_kwh: Kwh | None = None
    on_readings: Count = 1
    on_delay: Span = ZERO
    deadband_kwh: Deadband = 0.0
    off_readings: Count = 1
    off_delay: Span = ZERO

    @property
    def looks_back(self) -> bool:
        """Whether readings in a row are counted."""
        return self.on_readings > 1 or self.off_readings > 1 or bool(self.on_delay or self.off_delay)


@dataclass(slots=True, eq=False)
class Overconsumption(RuleState[OverconsumptionSettings]):
    """Counts the readings in a row that speak for a change: above the threshold, or calm during an alarm."""

    length: int = 0
    began: datetime = NEVER
    highest_kwh: float = 0.0

    @property
    def is_quiet(self) -> bool:
        """Whether there is no alarm, and no reading that speaks for one."""
        return self.since is None and not self.length

    def step(self, measure: Measure, threshold_kwh: float) -> None:
        """Take in the next reading."""
        if not self._speaks_for_change(measure, threshold_kwh):
            self.length = 0
            return
        at, value_kwh = measure["timestamp"], measure["value_kwh"]
        if not self.length:
            self.began, self.highest_kwh = at, value_kwh
        self.length += 1
        self.highest_kwh = max(self.highest_kwh, value_kwh)
        readings, delay = self._needed()
        if self.length >= readings and at - self.began >= delay:
            self.since = self.began if self.since is None else None
            self.length = 0

    def _needed(self) -> tuple[int, timedelta]:
        rule = self.settings
        return (
            (rule.on_readings, rule.on_delay) if self.since is None else (rule.off_readings, rule.off_delay)
        )

    def _speaks_for_change(self, measure: Measure, threshold_kwh: float) -> bool:
        if self.since is None or measure["is_anomaly"]:
            return self.since is None and measure["is_anomaly"]
        if not self.settings.deadband_kwh:
            return True
        # The threshold may be another than the one by which the reading was flagged.
        calm_nano = to_nano(threshold_kwh) - to_nano(self.settings.deadband_kwh)
        return to_nano(measure["value_kwh"]) <= calm_nano

    def describe(self, measure: Measure) -> Finding:
        """Say how high the reading is."""
        threshold_kwh = measure.get("threshold_kwh")
        message = f"{measure['value_kwh']} kWh, above the threshold of {threshold_kwh} kWh"
        return Finding(message, threshold_kwh, self.highest_kwh)

    async def look_back(self, history: ReadingHistory, threshold_kwh: float, changed_at: datetime) -> None:
        """Count the readings in a row that ended at the moment."""
        if self._needed() == (1, ZERO):
            return
        async for each in history.before():
            if each["timestamp"] <= changed_at or not self._speaks_for_change(each, threshold_kwh):
                break
            self.began = each["timestamp"]
            self.length += 1
            self.highest_kwh = max(self.highest_kwh, each["value_kwh"])


def explain(rule: OverconsumptionSettings, threshold_kwh: float) -> str:
    """Say when it is raised and cleared."""
    above = f"above the sensor's threshold ({kwh(threshold_kwh)} unless it has its own)"
    calm, never, level_kwh = below(rule.deadband_kwh, "threshold"), "", threshold_kwh - rule.deadband_kwh
    if level_kwh < 0:
        never = f" With a threshold of {kwh(threshold_kwh)} no reading is that low: it is never cleared."
    elif rule.deadband_kwh:
        # Rounded to what binary fractions leave of it: 1.1 - 0.2 is 0.9.
        calm += f" (at or below {kwh(float(f'{level_kwh:.12g}'))} if that is {kwh(threshold_kwh)})"
    raised = _in_a_row("Raised", above, rule.on_readings, rule.on_delay)
    return f"{raised} {_in_a_row('Cleared', calm, rule.off_readings, rule.off_delay)}{never}"


def _in_a_row(verb: str, where: str, count: int, delay: timedelta) -> str:
    if not delay:
        return f"{verb} by the {nth(count)} reading{' in a row' * (count > 1)} {where}."
    readings = f"at least {count} readings" if count > 1 else "readings"
    return f"{verb} when {readings} in a row are {where}, the last at least {span(delay)} after the first."


def _takes(verb: str, count: int) -> str:
    return f"{verb} it takes at least {many(count, 'reading', 'readings in a row')}"


OVERCONSUMPTION = AlarmRule(
    name="overconsumption",
    settings=OverconsumptionSettings,
    explain=explain,
    phrases={
        "threshold_kwh": lambda value_kwh: f"the threshold in this file is {kwh(value_kwh)}",
        "on_readings": lambda count: _takes("raising", count),
        "on_delay": lambda delay: (
            f"raising it takes at least {span(delay)}" if delay else "it is raised without delay"
        ),
        "deadband_kwh": lambda value_kwh: f"to clear it, a reading is {below(value_kwh, 'threshold')}",
        "off_readings": lambda count: _takes("clearing", count),
        "off_delay": lambda delay: (
            f"clearing it takes at least {span(delay)}" if delay else "it is cleared without delay"
        ),
    },
    state=Overconsumption,
)
