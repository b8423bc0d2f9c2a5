"""What an `alarms.toml` means, in words: whole sentences for all sensors, then what is different where."""

import textwrap
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args

from broker.durations import format_duration
from ingestor.alarms.config.config import AlarmConfig, NotificationSettings
from ingestor.alarms.rules.functions import NANO, to_nano
from ingestor.alarms.rules.rule_settings import (
    AllRuleSettings,
    FlatlineSettings,
    OverconsumptionSettings,
    RejectingSettings,
    RuleName,
    RuleSettings,
    StaleSettings,
    SustainedSettings,
)

NAMES: tuple[RuleName, ...] = get_args(RuleName)
NTH = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
# Between a number and its unit, where no line ends.
GLUE = "\u00a0"


def explain(config: AlarmConfig, threshold_kwh: float, width: int = 80) -> list[str]:
    """Say what a configuration means.

    Args:
        config: The configuration.
        threshold_kwh: The threshold of sensors that have none of their own, kWh.
        width: How many columns a line has at most.
    """
    alarms = _many(config.storm.alarms_per_minute, "alarm starts", "alarms start")
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
    return [part.replace(GLUE, " ") for line in lines for part in _wrapped(line, width)]


def _wrapped(line: str, width: int) -> list[str]:
    text = line.lstrip(" ")
    first = " " * (len(line) - len(text))
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=f"{first}  ", break_on_hyphens=False
    )


def _for_all(rules: AllRuleSettings, threshold_kwh: float) -> Iterator[str]:
    sentences = {
        "overconsumption": _overconsumption(rules.overconsumption, threshold_kwh),
        "sustained": _sustained(rules.sustained),
        "budget": _budget(rules),
        "stuck": _stuck(rules.stuck),
        "silent": _silent(rules.silent),
        "offline": _offline(rules),
        "clock": _refusals(rules.clock, ("reading", "readings"), "for {} time"),
        "rejecting": _refusals(
            rules.rejecting, ("payload or row", "payloads or rows"), "for anything but {} time"
        ),
    }
    off = {name: why for name in NAMES if (why := _why_off(rules.rule(name)))}
    on = {name: rules.rule(name) for name in NAMES if name not in off}
    for name, rule in on.items():
        waits = " It stands until it is over and acknowledged." * rule.wait_for_acknowledgement
        yield f"{name} ({rule.severity}): {sentences[name]}{waits}"
    if off:
        yield f"Off: {', '.join(f'{name} ({why})' for name, why in off.items())}."
    if on and not any(rule.wait_for_acknowledgement for rule in on.values()):
        yield "None waits for an acknowledgement: an alarm that is over is gone."


def _why_off(rule: RuleSettings) -> str | None:
    """Why a rule is off; None if it is on."""
    if not rule.enabled:
        return "enabled = false"
    if rule.is_on:
        return None
    return "no readings" if isinstance(rule, FlatlineSettings) else "no limit_kwh"


def _overconsumption(rule: OverconsumptionSettings, threshold_kwh: float) -> str:
    above = f"above the sensor's threshold ({_kwh(threshold_kwh)} unless it has its own)"
    below, never, level_kwh = "at or below the threshold", "", threshold_kwh - rule.deadband_kwh
    if level_kwh < 0:
        never = f" With a threshold of {_kwh(threshold_kwh)} no reading is that low: it is never cleared."
    if rule.deadband_kwh:
        # Rounded to what binary fractions leave of it: 1.1 - 0.2 is 0.9.
        at = f" (at or below {_kwh(float(f'{level_kwh:.12g}'))} if that is {_kwh(threshold_kwh)})" * (
            not never
        )
        below = f"at least {_kwh(rule.deadband_kwh)} below the threshold{at}"
    raised = _in_a_row("Raised", above, rule.on_readings, rule.on_delay)
    return f"{raised} {_in_a_row('Cleared', below, rule.off_readings, rule.off_delay)}{never}"


def _in_a_row(verb: str, where: str, count: int, delay: timedelta) -> str:
    if not delay:
        return f"{verb} by the {_nth(count)} reading{' in a row' * (count > 1)} {where}."
    many = f"at least {count} readings" if count > 1 else "readings"
    return f"{verb} when {many} in a row are {where}, the last at least {_span(delay)} after the first."


def _sustained(rule: SustainedSettings) -> str:
    limit_kwh = rule.limit_kwh or 0.0
    level_nano = to_nano(limit_kwh) - to_nano(rule.deadband_kwh)
    cleared = f"Cleared when the mean is at or below {_kwh(level_nano / NANO)}."
    return (
        f"Raised when the mean of the readings of the last {_span(rule.window)} is above {_kwh(limit_kwh)}, "
        "if the sensor has been known for at least that long. "
        f"{cleared if level_nano >= 0 else 'With such a deadband it is never cleared.'}"
    )


def _budget(rules: AllRuleSettings) -> str:
    rule = rules.budget
    since = "the first of the month" if rule.period == "month" else "midnight"
    return (
        f"Raised when a sensor has used more than {_kwh(rule.limit_kwh or 0.0)} since {since}. "
        f"Cleared by its first reading of another {rule.period}."
    )


def _stuck(rule: FlatlineSettings) -> str:
    zeros = ", 0.0 as well" if rule.zeros else " other than 0.0"
    nth = _nth(rule.readings or 0)
    return f"Raised by the {nth} reading in a row with the same value{zeros}. Cleared by another value."


def _silent(rule: StaleSettings) -> str:
    if rule.interval is not None:
        length = _span(max(rule.interval * rule.intervals, rule.at_least))
    else:
        times = f"{_number(rule.intervals)} times " * (rule.intervals != 1)
        least = f", and for at least {_span(rule.at_least)}" * bool(rule.at_least)
        length = f"{times}the usual interval, which is learned from its readings{least}"
    return (
        f"Raised when no reading of a sensor has come for {length}; not while its node is offline. "
        "Cleared by its next reading."
    )


def _offline(rules: AllRuleSettings) -> str:
    return f"Raised when a node {_gone(rules.offline.after)}. Cleared when it is back."


def _gone(after: timedelta) -> str:
    return f"has been offline for {_span(after)}" if after else "goes offline"


def _refusals(rule: RejectingSettings, nouns: tuple[str, str], why: str) -> str:
    quiet = _span(rule.quiet)
    raised = f"by the first {nouns[0]} of a sensor that is refused {why.format('its')}"
    if rule.payloads > 1:
        raised = (
            f"when {rule.payloads} {nouns[1]} of a sensor are refused {why.format('their')} within {quiet}"
        )
    return f"Raised {raised}. Cleared when none was for {quiet}."


def _notifications(notifications: NotificationSettings) -> str:
    severities = list(dict.fromkeys(notifications.severities))
    if not severities:
        return "Nothing is sent to phones."
    listed = " or ".join(filter(None, [", ".join(severities[:-1]), severities[-1]]))
    return (
        f"Sent to phones, if ENERGY_NOTIFY says where to: alarms of severity {listed}, when they start, "
        f"{'and' if notifications.cleared else 'not'} when they are over; at most "
        f"{_many(notifications.most_per_hour, 'message', 'messages')} an hour, the rest gathered into one."
    )


# One setting of a site or sensor. What is not set there is not said, since a sensor's site is not known.
PHRASES: dict[str, Callable[[Any], str]] = {
    "enabled": lambda on: "it is enabled" if on else "it is off",
    "severity": lambda severity: f"its severity is {severity}",
    "wait_for_acknowledgement": lambda waits: (
        f"it stands until it is over{' and acknowledged' if waits else ''}"
    ),
    "threshold_kwh": lambda kwh: f"the threshold in this file is {_kwh(kwh)}",
    "on_readings": lambda count: f"raising it takes at least {_many(count, 'reading', 'readings in a row')}",
    "on_delay": lambda span: (
        f"raising it takes at least {_span(span)}" if span else "it is raised without delay"
    ),
    "overconsumption.deadband_kwh": lambda kwh: f"to clear it, a reading is {_below(kwh, 'threshold')}",
    "off_readings": lambda count: (
        f"clearing it takes at least {_many(count, 'reading', 'readings in a row')}"
    ),
    "off_delay": lambda span: (
        f"clearing it takes at least {_span(span)}" if span else "it is cleared without delay"
    ),
    "limit_kwh": lambda kwh: f"the limit is {_kwh(kwh)}",
    "sustained.deadband_kwh": lambda kwh: f"to clear it, the mean is {_below(kwh, 'limit')}",
    "window": lambda span: f"the mean is that of {_span(span)}",
    "period": lambda period: f"the limit is for a {period}",
    "readings": lambda count: f"the {_nth(count)} reading with the same value raises it",
    "zeros": lambda zeros: f"readings of 0.0 {'count as well' if zeros else 'do not count'}",
    "intervals": lambda count: (
        f"raising it takes at least {_number(count)} interval{'s' * (count != 1)} without a reading"
    ),
    "interval": lambda span: f"a reading is expected every {_span(span)}",
    "at_least": lambda span: (
        f"a silence shorter than {_span(span)} is none" if span else "no silence is too short to be one"
    ),
    "after": lambda span: f"it is raised when a node {_gone(span)}",
    "payloads": lambda count: f"raising it takes {_many(count, 'refusal', 'refusals')}",
    "quiet": lambda span: f"a refusal counts for {_span(span)}",
}


def _own(whose: str, table: Mapping[str, Any], rules: AllRuleSettings, unless: str = "") -> list[str]:
    """What a site or sensor has of its own.

    Args:
        whose: Its name.
        table: What is set.
        rules: With that put in.
        unless: What may be set elsewhere and change whether a rule is on.
    """
    lines = []
    for name in NAMES:
        rule, settings = rules.rule(name), table.get(name, {})
        phrases = [
            (PHRASES.get(f"{name}.{setting}") or PHRASES[setting])(getattr(rule, setting))
            for setting in settings
        ]
        if settings.get("enabled") is False:
            phrases = ["it is off"]
        elif phrases and (why := _why_off(rule)):
            phrases.append(f"still it is off ({why}){unless}")
        if phrases:
            lines.append(f"  {name}: {'; '.join(phrases)}.")
    return [f"Different for the {whose}:", *lines] if lines else []


def _below(deadband_kwh: float, what: str) -> str:
    return f"at least {_kwh(deadband_kwh)} below the {what}" if deadband_kwh else f"at or below the {what}"


def _many(count: int, one: str, many: str) -> str:
    return f"{count}{GLUE}{one if count == 1 else many}"


def _nth(count: int) -> str:
    if count <= len(NTH):
        return NTH[count - 1]
    ending = "th" if count % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"


def _number(number: float) -> str:
    return str(float(number)).removesuffix(".0")


def _kwh(value: float) -> str:
    return f"{float(value)}{GLUE}kWh"


def _span(time: timedelta) -> str:
    return format_duration(time, glue=GLUE)
