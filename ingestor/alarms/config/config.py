"""The file `alarms.toml`: the rules, and what sites and sensors have of their own."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError

from broker.topics import SensorId, SiteId
from broker.validation_errors import describe_error, first_error
from ingestor.alarms.rules.rule_settings import AllRuleSettings, ConfigTable, Flag, Severity

MAX_BYTES = 1024 * 1024
MAX_SHOWN = 60

# What pydantic finds, in the words of those who write the file.
SENTENCES = {
    "bool_type": "write true or false",
    "dict_type": "write a table",
    "float_type": "write a number",
    "int_type": "write a whole number",
    "model_type": "write a table",
    "string_type": "write it in quotes",
    "tuple_type": 'write a list, as ["critical", "major"]',
}
NAME_RULE = (
    "a name has 1 to 64 letters, digits, dots, underscores and dashes, and begins with a letter or digit"
)


class AlarmConfigError(Exception):
    """Raised when the file cannot be used; says in one sentence what is wrong, and where."""


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("write a time zone as Europe/Berlin, Asia/Kolkata or UTC") from None
    return name


class FloodSettings(ConfigTable):
    """When many alarms start at once, one summary takes the place of the rest.

    Attributes:
        alarms_per_minute: How many of a site may start within a minute before that.
    """

    alarms_per_minute: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 20


class NotificationSettings(ConfigTable):
    """What is sent to phones, if ENERGY_NOTIFY says where to.

    Attributes:
        severities: Of which alarms.
        cleared: Whether also when one is over.
        most_per_hour: How many messages; what comes on top is gathered into one.
    """

    severities: tuple[Severity, ...] = ("critical", "major", "minor")
    cleared: Flag = False
    most_per_hour: Annotated[int, Field(ge=1, le=3600, strict=True)] = 20


class AlarmConfig(ConfigTable):
    """The whole file.

    Attributes:
        time_zone: Whose midnight begins a day of a budget.
        rules: For all sensors.
        sites: By site, what of the rules is different there.
        sensors: By sensor, what of the rules is different for it.
    """

    time_zone: Annotated[str, AfterValidator(_check_zone)] = "UTC"
    rules: AllRuleSettings = AllRuleSettings()
    storm: FloodSettings = FloodSettings()
    notifications: NotificationSettings = NotificationSettings()
    sites: dict[SiteId, dict[str, Any]] = Field(default_factory=dict)
    sensors: dict[SensorId, dict[str, Any]] = Field(default_factory=dict)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def merged(self) -> dict[tuple[str, str], AllRuleSettings]:
        """What ``of`` has put together so far; no private attribute, which would count as a difference."""
        return {}

    def of(self, site: str, sensor_id: str) -> AllRuleSettings:
        """The rules of one sensor: its own settings before those of its site, before those of all."""
        own = site if site in self.sites else "", sensor_id if sensor_id in self.sensors else ""
        if own not in self.merged:
            tables = self.sites.get(own[0], {}), self.sensors.get(own[1], {})
            self.merged[own] = _merge(self.rules, *tables) if any(tables) else self.rules
        return self.merged[own]

    def longest_quiet(self) -> timedelta:
        """How long a refusal counts at most, whoever's it is."""
        sites, sensors = ((name, "") for name in self.sites), (("", name) for name in self.sensors)
        rules = [self.rules, *(self.of(*each) for each in (*sites, *sensors))]
        return max(quiet for each in rules for quiet in (each.clock.quiet, each.rejecting.quiet))

    def thresholds(self) -> tuple[dict[str, float], dict[str, float]]:
        """The thresholds that sensors and sites have of their own, kWh."""
        return _thresholds(self.sensors), _thresholds(self.sites)


def _thresholds(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    found = {name: table.get("overconsumption", {}).get("threshold_kwh") for name, table in tables.items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def _merge(rules: AllRuleSettings, *tables: Mapping[str, Any]) -> AllRuleSettings:
    merged: dict[str, Any] = rules.model_dump()
    for table in tables:
        for name, settings in table.items():
            # What is no rule or no table is left for pydantic to refuse.
            merged[name] = {**merged.get(name, {}), **settings} if isinstance(settings, Mapping) else settings
    return AllRuleSettings.model_validate(merged)


def parse_config(text: str) -> AlarmConfig:
    """Read the text of an `alarms.toml`.

    Raises:
        AlarmConfigError: It is no TOML, or a setting is unknown or has a wrong value.
    """
    try:
        config = AlarmConfig.model_validate(_load(text))
    except ValidationError as error:
        raise AlarmConfigError(_explain(error, AlarmConfig)) from error
    if config.rules.overconsumption.threshold_kwh is not None:
        raise AlarmConfigError(
            "rules.overconsumption.threshold_kwh: the threshold of all sensors is ENERGY_THRESHOLD_KWH; "
            "here a site or a sensor may have its own"
        )
    for kind, tables in (("sites", config.sites), ("sensors", config.sensors)):
        for name, table in tables.items():
            try:
                _merge(config.rules, table)
            except ValidationError as error:
                raise AlarmConfigError(_explain(error, AllRuleSettings, kind, name)) from error
    return config


def read_config(file: Path) -> AlarmConfig:
    """Read an `alarms.toml`.

    Raises:
        AlarmConfigError: It cannot be read or used.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise AlarmConfigError(f"it cannot be read ({(error.strerror or str(error)).lower()})") from error
    if len(content) > MAX_BYTES:
        raise AlarmConfigError("it is larger than 1 MiB")
    try:
        # Editors on Windows may write a byte order mark first.
        return parse_config(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise AlarmConfigError("it is no text in UTF-8") from error


def _load(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AlarmConfigError(f"it is no TOML: {str(error)[:1].lower()}{str(error)[1:]}") from error
    except ValueError as error:
        raise AlarmConfigError("a number in it has too many digits") from error
    except RecursionError as error:
        raise AlarmConfigError("its lists or tables are nested too deeply") from error


def _explain(error: ValidationError, root: type[ConfigTable], *where: str) -> str:
    """Say in one sentence which setting is wrong, and why.

    Args:
        error: What pydantic found.
        root: What it looked at.
        where: Where in the file that is.
    """
    first = first_error(error)
    path = [part for part in first["loc"] if isinstance(part, str)]  # without the places in lists
    kind, value = first["type"], first["input"]
    if kind == "string_pattern_mismatch":
        return f"{_place(path[:-1])}: {NAME_RULE}"
    place = _place([*where, *path])
    if kind == "extra_forbidden":
        return f"{place}: {_unknown(root, path, value)}"
    return f"{place}: {describe_error(first, SENTENCES)}, not {_shown(value)}"


def _unknown(root: type[ConfigTable], path: list[str], value: object) -> str:
    table: Any = root
    for part in path[:-1]:
        table = table.model_fields[part].annotation
    what, known = "rule" if table is AllRuleSettings else "setting", list(table.model_fields)
    holds_tables = isinstance(value, Mapping) and any(isinstance(each, Mapping) for each in value.values())
    if table is root is AllRuleSettings and holds_tables:  # [sensors.Hall.7.silent]
        return "there is no such rule; a name with a dot stands in quotes"
    near = difflib.get_close_matches(path[-1], known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"there is no such {what}; {hint}"


def _place(path: list[str]) -> str:
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part) else _shown(part) for part in path)


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return "a list" if isinstance(value, list) else "a table"
    try:
        text = repr(value) if isinstance(value, str) else str(value)
    except ValueError:
        return "so large a number"
    text = text.lower() if isinstance(value, bool) else text
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
