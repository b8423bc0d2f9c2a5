"""The file `alarms.toml`: the rules, and what sites and sensors have of their own."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from broker.topics import SensorId, SiteId
from ingestor.alarms.rules.overconsumption import OVERCONSUMPTION
from ingestor.alarms.rules.rejections import CLOCK, REJECTING
from ingestor.alarms.rules.rule_settings import ALIASES, AllRuleSettings
from ingestor.alarms.rules.setting_types import ConfigTable, Flag, Severity


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("write a time zone as Europe/Berlin, Asia/Kolkata or UTC") from None
    return name


def _check_own(tables: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a site or a sensor has of its own, in the order of the file, with each rule under its own name."""
    AllRuleSettings.model_validate(tables)
    return {ALIASES.get(name, name): settings for name, settings in tables.items()}


OwnTables = Annotated[dict[str, Any], AfterValidator(_check_own)]


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
    sites: dict[SiteId, OwnTables] = Field(default_factory=dict)
    sensors: dict[SensorId, OwnTables] = Field(default_factory=dict)

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
            self.merged[own] = merge(self.rules, *tables) if any(tables) else self.rules
        return self.merged[own]

    def longest_quiet(self) -> timedelta:
        """How long a rejection counts at most, whoever's it is."""
        sites, sensors = ((name, "") for name in self.sites), (("", name) for name in self.sensors)
        rules = [self.rules, *(self.of(*each) for each in (*sites, *sensors))]
        return max(each.of(rule).quiet for each in rules for rule in (CLOCK, REJECTING))

    def thresholds(self) -> tuple[dict[str, float], dict[str, float]]:
        """The thresholds that sensors and sites have of their own, kWh."""
        return _thresholds(self.sensors), _thresholds(self.sites)


def _thresholds(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    found = {name: table.get(OVERCONSUMPTION.name, {}).get("threshold_kwh") for name, table in tables.items()}
    return {name: float(value_kwh) for name, value_kwh in found.items() if value_kwh is not None}


def merge(rules: AllRuleSettings, *tables: Mapping[str, Any]) -> AllRuleSettings:
    """Rules with what tables, later ones first, say otherwise."""
    merged: dict[str, dict[str, Any]] = rules.model_dump()
    for table in tables:
        for name, settings in table.items():
            merged[name] |= settings
    return AllRuleSettings.model_validate(merged)
