"""What the monitor's commands can be told."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints
from pydantic_settings import CliPositionalArg, CliToggleFlag

from broker.address import MqttUrl
from broker.alarm_messages import MAX_SHELVED_MINUTES, UserName
from broker.program.settings import MongoUrl, ProcessSettings, Sites
from broker.topics import SensorId, SiteId, TopicRoot
from monitor.queries.sensors import Location, SensorChange, Threshold

NONE = "none"


def parse_none(text: object) -> object:
    """Turn ``none`` into None, which removes a setting."""
    return None if isinstance(text, str) and text.strip().lower() == NONE else text


def parse_threshold(text: object) -> object:
    """Turn text into kWh, or None."""
    text = parse_none(text)
    try:
        return float(text) if isinstance(text, str) else text
    except ValueError:
        raise ValueError(f"write kWh as 9.5, or {NONE} to remove it") from None


def site_names(text: str) -> tuple[str, ...]:
    """The sites that a setting names; none for all."""
    return () if text == "+" else tuple(text.split(","))


def login_name() -> str | None:
    """Who is at this machine; None where nobody has a name, as in many containers."""
    try:
        return getpass.getuser()[:64] or None
    except (KeyError, OSError, ImportError):
        return None


class WatchSettings(ProcessSettings):
    """Show all sensors and active alarms live, until Ctrl-C.

    With --lines, or without a terminal: one line for each reading as it is stored.

    Keep a URL with a password in a file: other users of the machine can see
    options.

    Example: ENERGY_MONGO_URL_FILE=mongo-url monitor watch
    """

    lines: bool = Field(False, description="one line for each reading")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")


class VerifySettings(ProcessSettings):
    """Compare sensor nodes' ledgers with the database; status 0 means all is well.

    Example: ENERGY_MONGO_URL_FILE=mongo-url monitor verify ledger.jsonl
    """

    files: CliPositionalArg[list[Path]] = Field(
        min_length=1, description="ledgers, written by `sensor-node --ledger`; - for standard input"
    )
    alerts: Path | None = Field(
        None, description="alerts recorded meanwhile: mosquitto_sub -t 'energy/alerts/#' > FILE"
    )
    no_alarms: CliToggleFlag[bool] = Field(
        False, description="do not check alarms, for example if alarms.toml was changed"
    )
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")


class AlarmsSettings(ProcessSettings):
    """List active alarms: the most severe first, then the newest.

    Example: monitor alarms --site lari --all
    """

    all: bool = Field(False, description="also the last 50 that ended")
    site: Sites = Field("+", description="sites to list: + for all, or names separated by commas")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")


class CommandSettings(ProcessSettings):
    """What all commands to the ingestor take."""

    user: UserName | None = Field(None, description="who does this (default: your login name)")
    mqtt_url: MqttUrl = Field("mqtt://127.0.0.1:1883", description="the broker, as user operator")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")

    @property
    def who(self) -> str | None:
        """Who says so, as far as that is known."""
        return self.user or login_name()


class AcknowledgeSettings(CommandSettings):
    """Acknowledge alarms; the exit status is 0 if all are acknowledged.

    Example: monitor acknowledge Sensor-LARI-01@silent@2026-11-23T10:00:00.000Z
    """

    ids: CliPositionalArg[list[Annotated[str, StringConstraints(min_length=1, max_length=200)]]] = Field(
        min_length=1, description="ids of the alarms, as `monitor alarms` shows them"
    )


class ShelveSettings(CommandSettings):
    """Mute a sensor's rule for a while; the exit status is 0 if the ingestor did so.

    No notifications meanwhile; its alarms are still recorded.

    Example: monitor shelve Sensor-LARI-01 overconsumption --minutes 120
    """

    sensor: CliPositionalArg[SensorId] = Field(description="the sensor")
    rule: CliPositionalArg[Annotated[str, StringConstraints(min_length=1, max_length=64)]] = Field(
        description="the rule, as `monitor alarms` shows it"
    )
    minutes: int = Field(60, ge=0, le=MAX_SHELVED_MINUTES, description="for how long; 0 unmutes it")


class SensorsSettings(ProcessSettings):
    """List sensors, or set a sensor's location, threshold or site.

    Your location overrides the one in its readings; none removes your setting.
    Changes need the MongoDB URL of the user operator.

    Example: monitor sensors Sensor-LARI-01 --location "Room 7" --threshold 9.5
    """

    sensor: CliPositionalArg[SensorId | None] = Field(
        None, description="the sensor to show or to change (default: all)"
    )
    location: Annotated[Location, BeforeValidator(parse_none)] = Field(
        None, description="where it is; none: as in its readings"
    )
    threshold: Annotated[Threshold, BeforeValidator(parse_threshold)] = Field(
        None, description="readings above it are anomalies, kWh; none: the default threshold"
    )
    move_to: SiteId | None = Field(
        None, description="the site it belongs to from now on; its readings from other sites are rejected"
    )
    site: Sites = Field("+", description="sites to list: + for all, or names separated by commas")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")

    def change(self, arguments: Sequence[str]) -> SensorChange | None:
        """What is to be set, and, as None, what is to be removed; None if nothing is.

        Args:
            arguments: The command line: an option that is given but empty removes.
        """
        given = {argument.split("=", maxsplit=1)[0] for argument in arguments}
        asked: dict[str, object] = {} if self.move_to is None else {"site": self.move_to}
        if self.location is not None or "--location" in given:
            asked["own_location"] = self.location
        if self.threshold is not None or "--threshold" in given:
            asked["threshold_kwh"] = self.threshold
        return SensorChange.model_validate(asked) if asked else None
