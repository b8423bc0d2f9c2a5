"""What the monitor's commands can be told."""

import getpass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints
from pydantic_settings import CliPositionalArg, CliToggleFlag

from broker.address import MqttUrl
from broker.alarm_messages import MAX_SHELVED_MINUTES, UserName
from broker.settings import MongoUrl, ProcessSettings, Sites
from broker.topics import SensorId, TopicRoot


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

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites to list; none for all."""
        return () if self.site == "+" else tuple(self.site.split(","))


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
