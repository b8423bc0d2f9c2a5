"""What alarms say to people."""

from datetime import UTC

from broker.durations import format_duration
from ingestor.alarms.rules.functions import NANO
from ingestor.alarms.rules.rule_settings import RuleName
from ingestor.alarms.rules.sensor_rules import RuleHistory, SensorRules
from ingestor.documents import Measure


def describe(rule: RuleName, rules: SensorRules, measure: Measure) -> tuple[float | None, str]:
    """The limit that was exceeded, kWh, if the rule has one, and how, at the reading that raised it."""
    value_kwh, history = measure["value_kwh"], rules.history
    if history is None or rule == "overconsumption":
        threshold_kwh = measure.get("threshold_kwh")
        return threshold_kwh, f"{value_kwh} kWh, above the threshold of {threshold_kwh} kWh"
    if rule == "stuck":
        return None, f"{value_kwh} kWh, {history.flatline.length} times in a row"
    if rule == "sustained":
        return rules.settings.sustained.limit_kwh, _sustained(rules, history)
    return rules.settings.budget.limit_kwh, _budget(rules, history)


def _sustained(rules: SensorRules, history: RuleHistory) -> str:
    mean_kwh = history.window_nano / len(history.window) / NANO
    window, limit_kwh = format_duration(rules.settings.sustained.window), rules.settings.sustained.limit_kwh
    return f"the mean of the last {window} is {mean_kwh:.3f} kWh, above {limit_kwh} kWh"


def _budget(rules: SensorRules, history: RuleHistory) -> str:
    rule = rules.settings.budget
    begin = history.period[0].replace(tzinfo=UTC).astimezone(history.zone)
    total_kwh = history.period_nano / NANO
    return f"{total_kwh:.3f} kWh since {begin:%Y-%m-%d %H:%M}, above {rule.limit_kwh} kWh a {rule.period}"
