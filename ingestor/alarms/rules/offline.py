"""Rule `offline`: the broker has published a node's Last Will."""

from datetime import timedelta

from ingestor.alarms.rules.rule import AlarmRule
from ingestor.alarms.rules.setting_types import RuleSettings, Severity, Span
from ingestor.alarms.rules.wording import span


class OfflineSettings(RuleSettings):
    """How long the node must stay away."""

    severity: Severity = "minor"
    after: Span = timedelta(seconds=5)


def _gone(after: timedelta) -> str:
    return f"has been offline for {span(after)}" if after else "goes offline"


OFFLINE = AlarmRule(
    name="offline",
    settings=OfflineSettings,
    explain=lambda rule, _: f"Raised when a node {_gone(rule.after)}. Cleared when it is back.",
    phrases={"after": lambda after: f"it is raised when a node {_gone(after)}"},
)
