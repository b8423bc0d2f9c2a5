"""What an `alarms.toml` means, in words: whole sentences for all sensors, then what is different where."""

import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ingestor.alarms.config.config import AlarmConfig, NotificationSettings
from ingestor.alarms.rules.registry import RULES
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.alarms.rules.setting_types import RuleSettings
from ingestor.alarms.rules.wording import GLUE, many

WIDTH = 80
# Settings that every rule has.
PHRASES: Mapping[str, Callable[[Any], str]] = {
    "enabled": lambda on: "it is enabled" if on else "it is off",
    "severity": lambda severity: f"its severity is {severity}",
    "wait_for_acknowledgement": lambda waits: (
        f"it stands until it is over{' and acknowledged' if waits else ''}"
    ),
}


def explain(config: AlarmConfig, threshold_kwh: float) -> list[str]:
    """Say what a configuration means.

    Args:
        config: The configuration.
        threshold_kwh: The threshold of sensors that have none of their own, kWh.
    """
    alarms = many(config.storm.alarms_per_minute, "alarm starts", "alarms start")
    lines = [
        "For all sensors:",
        *(f"  {each}" for each in _for_all(config.rules, threshold_kwh)),
        f"If more than {alarms} at a site within a minute, one summary stands for the rest.",
        _notifications(config.notifications),
        f"Days and months begin at midnight in {config.time_zone}.",
    ]
    for name, table in config.sites.items():
        lines += _own(f"site {name}", table, config.of(name, ""))
    for name, table in config.sensors.items():
        lines += _own(f"sensor {name}", table, config.of("", name), ", unless its site says otherwise")
    if any(config.sites.values()) and any(config.sensors.values()):
        lines.append("What is set for a sensor counts more than what is set for its site.")
    return [part.replace(GLUE, " ") for line in lines for part in _wrapped(line)]


def _wrapped(line: str) -> list[str]:
    indent = "    " if line.startswith("  ") else "  "
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _for_all(rules: AllRuleSettings, threshold_kwh: float) -> Iterator[str]:
    off, waits = [], False
    for rule in RULES:
        settings = rules.of(rule)
        if not settings.is_on:
            off.append(f"{rule.name} ({_why_off(settings)})")
            continue
        waits |= settings.wait_for_acknowledgement
        until = " It stands until it is over and acknowledged." * settings.wait_for_acknowledgement
        yield f"{rule.name} ({settings.severity}): {rule.explain(settings, threshold_kwh)}{until}"
    if off:
        yield f"Off: {', '.join(off)}."
    if not waits and len(off) < len(RULES):
        yield "None waits for an acknowledgement: an alarm that is over is gone."


def _why_off(rule: RuleSettings) -> str:
    return f"no {rule.needs}" if rule.enabled else "enabled = false"


def _notifications(notifications: NotificationSettings) -> str:
    severities = list(dict.fromkeys(notifications.severities))
    if not severities:
        return "Nothing is sent to phones."
    listed = " or ".join(filter(None, [", ".join(severities[:-1]), severities[-1]]))
    return (
        f"Sent to phones, if ENERGY_NOTIFY says where to: alarms of severity {listed}, when they start, "
        f"{'and' if notifications.cleared else 'not'} when they are over; at most "
        f"{many(notifications.most_per_hour, 'message', 'messages')} an hour, the rest gathered into one."
    )


def _own(whose: str, table: Mapping[str, Any], rules: AllRuleSettings, unless: str = "") -> list[str]:
    """What a site or sensor has of its own; what is not set there may be set at a site that is not known.

    Args:
        whose: Its name.
        table: What is set.
        rules: With that put in.
        unless: What may be set elsewhere and change whether a rule is on.
    """
    lines = []
    for rule in RULES:
        settings, own = rules.of(rule), table.get(rule.name, {})
        phrases = [(PHRASES.get(name) or rule.phrases[name])(getattr(settings, name)) for name in own]
        if own.get("enabled") is False:
            phrases = ["it is off"]
        elif phrases and not settings.is_on:
            phrases.append(f"still it is off ({_why_off(settings)}){unless}")
        if phrases:
            lines.append(f"  {rule.name}: {'; '.join(phrases)}.")
    return [f"Different for the {whose}:", *lines] if lines else []
