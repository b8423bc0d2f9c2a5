"""The file `alarms.toml`: the rules, and what sites and sensors have of their own."""

import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError

from broker.topics import SensorId, SiteId
from ingestor.alarms.rulebook import Flag, Rules, Severity, Table

MAX_BYTES = 1024 * 1024


class AlarmConfigError(Exception):
    """Raised when the file cannot be used; says in one sentence what is wrong, and where."""


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("write a time zone as Europe/Berlin, Asia/Kolkata or UTC") from None
    return name


class Storm(Table):
    """When many alarms start at once, one summary takes the place of the rest.

    Attributes:
        alarms_per_minute: How many of a site may start within a minute before that.
    """

    alarms_per_minute: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 20


class Notifications(Table):
    """What is sent to phones, if ENERGY_NOTIFY says where to.

    Attributes:
        severities: Of which alarms.
        cleared: Whether also when one is over.
        most_per_hour: How many messages; what comes on top is gathered into one.
    """

    severities: tuple[Severity, ...] = ("critical", "major", "minor")
    cleared: Flag = False
    most_per_hour: Annotated[int, Field(ge=1, le=3600, strict=True)] = 20


class AlarmConfig(Table):
    """The whole file.

    Attributes:
        time_zone: Whose midnight begins a day of a budget.
        rules: For all sensors.
        sites: By site, what of the rules is different there.
        sensors: By sensor, what of the rules is different for it.
    """

    time_zone: Annotated[str, AfterValidator(_check_zone)] = "UTC"
    rules: Rules = Rules()
    storm: Storm = Storm()
    notifications: Notifications = Notifications()
    sites: dict[SiteId, dict[str, Any]] = Field(default_factory=dict)
    sensors: dict[SensorId, dict[str, Any]] = Field(default_factory=dict)
    _merged: dict[tuple[str, str], Rules] = PrivateAttr(default_factory=dict)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)

    def of(self, site: str, sensor_id: str) -> Rules:
        """The rules of one sensor: its own settings before those of its site, before those of all."""
        own = site if site in self.sites else "", sensor_id if sensor_id in self.sensors else ""
        if own not in self._merged:
            tables = self.sites.get(own[0], {}), self.sensors.get(own[1], {})
            self._merged[own] = _merge(self.rules, *tables) if any(tables) else self.rules
        return self._merged[own]

    def thresholds(self) -> tuple[dict[str, float], dict[str, float]]:
        """The thresholds that sensors and sites have of their own, kWh."""
        return _thresholds(self.sensors), _thresholds(self.sites)


def _thresholds(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    found = {name: table.get("overconsumption", {}).get("threshold_kwh") for name, table in tables.items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def _merge(rules: Rules, *tables: Mapping[str, Any]) -> Rules:
    merged: dict[str, Any] = rules.model_dump()
    for table in tables:
        for name, settings in table.items():
            if name not in merged or not isinstance(settings, Mapping):
                raise AlarmConfigError(f"{name}: there is no such rule; there are {', '.join(merged)}")
            merged[name] = {**merged[name], **settings}
    return Rules.model_validate(merged)


def parse_config(text: str) -> AlarmConfig:
    """Read the text of an `alarms.toml`.

    Raises:
        AlarmConfigError: It is no TOML, or a setting is unknown or has a wrong value.
    """
    try:
        config = AlarmConfig.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise AlarmConfigError(f"it is no TOML: {str(error)[:1].lower()}{str(error)[1:]}") from error
    except ValidationError as error:
        raise AlarmConfigError(_explain(error, ())) from error
    if config.rules.overconsumption.threshold_kwh is not None:
        raise AlarmConfigError(
            "rules.overconsumption.threshold_kwh: the threshold of all sensors is ENERGY_THRESHOLD_KWH; "
            "here a site or a sensor may have its own"
        )
    for kind, tables in (("sites", config.sites), ("sensors", config.sensors)):
        for name, table in tables.items():
            try:
                _merge(config.rules, table)
            except AlarmConfigError as error:
                raise AlarmConfigError(f"{kind}.{name}.{error}") from error
            except ValidationError as error:
                raise AlarmConfigError(_explain(error, (kind, name))) from error
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
        return parse_config(content.decode())
    except UnicodeDecodeError as error:
        raise AlarmConfigError("it is no text in UTF-8") from error


def _explain(error: ValidationError, where: tuple[str, ...]) -> str:
    """Say in one sentence which setting is wrong, and why."""
    first = error.errors(include_url=False)[0]
    place = ".".join([*where, *(str(part) for part in first["loc"] if part != "[key]")])
    if first["type"] == "extra_forbidden":
        return f"{place}: there is no such setting"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":
        message = "a site or sensor has 1 to 64 letters, digits, dots, underscores and dashes"
    return f"{place}: {message[:1].lower()}{message[1:]}, not {str(first['input'])[:60]!r}"
