"""A rule as anybody writes it: all that it needs besides a line in the registry."""

from typing import ClassVar

from ingestor.alarms.rules.rule import AlarmRule, Finding, RuleState
from ingestor.alarms.rules.setting_types import Kwh, RuleSettings
from ingestor.alarms.rules.wording import kwh, limit
from ingestor.documents import Measure


class IdleSettings(RuleSettings):
    needs: ClassVar[str | None] = "limit_kwh"

    limit_kwh: Kwh | None = None


class Idle(RuleState[IdleSettings]):
    def step(self, measure: Measure, threshold_kwh: float) -> None:
        is_idle = measure["value_kwh"] < (self.settings.limit_kwh or 0.0)
        self.since = (self.since or measure["timestamp"]) if is_idle else None

    def describe(self, measure: Measure) -> Finding:
        limit_kwh = self.settings.limit_kwh
        return Finding(f"{measure['value_kwh']} kWh, below {limit_kwh} kWh", limit_kwh)


IDLE = AlarmRule(
    name="idle",
    alias="unused",
    settings=IdleSettings,
    explain=lambda rule, _: f"Raised by a reading below {kwh(rule.limit_kwh or 0.0)}.",
    phrases={"limit_kwh": limit},
    state=Idle,
)
