"""Rule `budget`: the energy since local midnight, or since the first of the month, is above a limit."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from ingestor.alarms.evaluation.reading_history import ReadingHistory
from ingestor.alarms.rules.rule import NANO, NEVER, AlarmRule, Finding, RuleState, to_nano
from ingestor.alarms.rules.setting_types import Kwh, RuleSettings, Severity
from ingestor.alarms.rules.wording import kwh, limit
from ingestor.documents import Measure


class BudgetSettings(RuleSettings):
    """The limit of a day or a month."""

    needs: ClassVar[str | None] = "limit_kwh"

    severity: Severity = "minor"
    limit_kwh: Kwh | None = None
    period: Literal["day", "month"] = "day"


@dataclass(slots=True, eq=False)
class Budget(RuleState[BudgetSettings]):
    """The energy of the day or month of the newest reading. An alarm begins with that day or month."""

    peak_from: ClassVar[Literal["since", "raised_at"]] = "raised_at"

    period: tuple[datetime, datetime] = (NEVER, NEVER)
    period_nano: int = 0

    def step(self, measure: Measure, threshold_kwh: float) -> None:
        """Take in the next reading."""
        at = measure["timestamp"]
        if not self.period[0] <= at < self.period[1]:
            self.period, self.period_nano = period_of(at, self.zone, self.settings), 0
        self.period_nano += to_nano(measure["value_kwh"])
        is_above = self.period_nano > to_nano(self.settings.limit_kwh or 0.0)
        self.since = self.period[0] if is_above else None

    def late(self, measure: Measure) -> None:
        """Count the energy."""
        if self.period[0] <= measure["timestamp"] < self.period[1]:
            self.period_nano += to_nano(measure["value_kwh"])

    def describe(self, measure: Measure) -> Finding:
        """Say how much has been used."""
        begin = self.period[0].replace(tzinfo=UTC).astimezone(self.zone)
        total_kwh, limit_kwh = self.period_nano / NANO, self.settings.limit_kwh
        used = f"{total_kwh:.3f} kWh since {begin:%Y-%m-%d %H:%M}"
        return Finding(f"{used}, above {limit_kwh} kWh a {self.settings.period}", limit_kwh)

    async def look_back(self, history: ReadingHistory, threshold_kwh: float, changed_at: datetime) -> None:
        """Add up the energy of the day or month of the last reading."""
        async for last in history.before():
            self.period = period_of(last["timestamp"], self.zone, self.settings)
            self.period_nano = await history.energy_nano(self.period[0])
            break


def period_of(at: datetime, zone: ZoneInfo, rule: BudgetSettings) -> tuple[datetime, datetime]:
    """When the day or month of a time begins and ends by the clocks of a time zone; UTC, naive."""
    local = at.replace(tzinfo=UTC).astimezone(zone)
    first = datetime(local.year, local.month, 1 if rule.period == "month" else local.day, tzinfo=zone)
    # Beyond the end whatever the month's length, and a day that has 25 hours.
    beyond = first.replace(tzinfo=None) + timedelta(days=32 if rule.period == "month" else 1)
    last = datetime(beyond.year, beyond.month, 1 if rule.period == "month" else beyond.day, tzinfo=zone)
    return _to_utc(first), _to_utc(last)


def _to_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def explain(rule: BudgetSettings, threshold_kwh: float) -> str:
    """Say when it is raised and cleared."""
    since = "the first of the month" if rule.period == "month" else "midnight"
    return (
        f"Raised when a sensor has used more than {kwh(rule.limit_kwh or 0.0)} since {since}. "
        f"Cleared by its first reading of another {rule.period}."
    )


BUDGET = AlarmRule(
    name="budget",
    settings=BudgetSettings,
    explain=explain,
    phrases={"limit_kwh": limit, "period": lambda period: f"the limit is for a {period}"},
    state=Budget,
)
