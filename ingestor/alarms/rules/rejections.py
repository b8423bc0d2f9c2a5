"""Rules `clock` and `rejecting`: payloads of a sensor are rejected, for their timestamps or otherwise."""

from datetime import timedelta

from ingestor.alarms.rules.rule import AlarmRule
from ingestor.alarms.rules.setting_types import Count, RuleSettings, Severity, Window
from ingestor.alarms.rules.wording import many, span


class RejectingSettings(RuleSettings):
    """How many, none of them longer ago than ``quiet``, raise it. Cleared when none came for ``quiet``."""

    severity: Severity = "minor"
    payloads: Count = 3
    quiet: Window = timedelta(minutes=1)


class ClockSettings(RejectingSettings):
    """The same, with another default."""

    payloads: Count = 1


def _explain(rule: RejectingSettings, one: str, more: str, why: str) -> str:
    raised = f"by the first {one} of a sensor that is rejected {why.format('its')}"
    if rule.payloads > 1:
        within = f"within {span(rule.quiet)}"
        raised = f"when {rule.payloads} {more} of a sensor are rejected {why.format('their')} {within}"
    return f"Raised {raised}. Cleared when none was for {span(rule.quiet)}."


PHRASES = {
    "payloads": lambda count: f"raising it takes {many(count, 'rejection', 'rejections')}",
    "quiet": lambda quiet: f"a rejection counts for {span(quiet)}",
}

CLOCK: AlarmRule[RejectingSettings] = AlarmRule(
    name="clock",
    settings=ClockSettings,
    explain=lambda rule, _: _explain(rule, "reading", "readings", "for {} time"),
    phrases=PHRASES,
)
REJECTING = AlarmRule(
    name="rejecting",
    settings=RejectingSettings,
    explain=lambda rule, _: _explain(rule, "payload or row", "payloads or rows", "for anything but {} time"),
    phrases=PHRASES,
)
