"""Rule `stuck`, also called `flatline`: the same value many times in a row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

from ingestor.alarms.evaluation.reading_history import ReadingHistory
from ingestor.alarms.rules.rule import NEVER, AlarmRule, Finding, RuleState
from ingestor.alarms.rules.setting_types import Flag, RuleSettings, Severity
from ingestor.alarms.rules.wording import nth
from ingestor.documents import Measure


class FlatlineSettings(RuleSettings):
    """How many times, and whether 0.0 counts, which many meters rightly say all night."""

    needs: ClassVar[str | None] = "readings"

    severity: Severity = "minor"
    readings: Annotated[int, Field(ge=2, le=1000, strict=True)] | None = None
    zeros: Flag = False


@dataclass(slots=True, eq=False)
class Flatline(RuleState[FlatlineSettings]):
    """The value of the newest reading, since when, and how many times."""

    value_kwh: float = -1.0
    began: datetime = NEVER
    length: int = 0

    def step(self, measure: Measure, threshold_kwh: float) -> None:
        """Take in the next reading."""
        value_kwh, at = measure["value_kwh"], measure["timestamp"]
        if value_kwh != self.value_kwh:
            self.since, self.value_kwh, self.began, self.length = None, value_kwh, at, 1
            return
        self.length += 1
        is_long = self.length >= (self.settings.readings or 0)
        if self.since is None and is_long and (value_kwh or self.settings.zeros):
            self.since = self.began

    def describe(self, measure: Measure) -> Finding:
        """Say which value, and how many times."""
        return Finding(f"{measure['value_kwh']} kWh, {self.length} times in a row")

    async def look_back(self, history: ReadingHistory, threshold_kwh: float, changed_at: datetime) -> None:
        """Count the readings in a row that ended at the moment, as far as that matters."""
        most = self.settings.readings or 0
        async for each in history.before():
            if self.length > most or (self.length and each["value_kwh"] != self.value_kwh):
                break
            self.value_kwh, self.began = each["value_kwh"], each["timestamp"]
            self.length += 1


def explain(rule: FlatlineSettings, threshold_kwh: float) -> str:
    """Say when it is raised and cleared."""
    zeros = ", 0.0 as well" if rule.zeros else " other than 0.0"
    which = nth(rule.readings or 0)
    return f"Raised by the {which} reading in a row with the same value{zeros}. Cleared by another value."


FLATLINE = AlarmRule(
    name="stuck",
    alias="flatline",
    settings=FlatlineSettings,
    explain=explain,
    phrases={
        "readings": lambda count: f"the {nth(count)} reading with the same value raises it",
        "zeros": lambda zeros: f"readings of 0.0 {'count as well' if zeros else 'do not count'}",
    },
    state=Flatline,
)
