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
    """Show all sensors and alarms as they are now, until Ctrl-C.

    With --lines, and where there is no terminal: readings as they are stored, one
    line each.

    A URL with a password is best kept in a file: everybody on the machine can read
    options.

    Example: ENERGY_MONGO_URL_FILE=mongo-url monitor watch
    """

    lines: bool = Field(False, description="one line for each reading")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")


class VerifySettings(ProcessSettings):
    """Hold ledgers of sensor nodes against the database; status 0 means all is well.

    Example: ENERGY_MONGO_URL_FILE=mongo-url monitor verify ledger.jsonl
    """

    files: CliPositionalArg[list[Path]] = Field(
        min_length=1, description="ledgers, written by `sensor-node --ledger`; - for standard input"
    )
    alerts: Path | None = Field(
        None, description="alerts that were recorded meanwhile: mosquitto_sub -t 'energy/alerts/#' > FILE"
    )
    no_alarms: CliToggleFlag[bool] = Field(
        False, description="leave alarms out, as when alarms.toml was changed"
    )
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")


class AlarmsSettings(ProcessSettings):
    """List the alarms that stand: the worst first, of these the newest.

    Example: monitor alarms --site lari --all
    """

    all: bool = Field(False, description="and the last 50 that are over")
    site: Sites = Field("+", description="sites to list: + for all, or a list with commas")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites to list; none for all."""
        return () if self.site == "+" else tuple(self.site.split(","))


class CommandSettings(ProcessSettings):
    """What all commands to the ingestor take."""

    user: UserName | None = Field(None, description="who says so (default: your login name)")
    mqtt_url: MqttUrl = Field("mqtt://127.0.0.1:1883", description="the broker, as user operator")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")

    @property
    def who(self) -> str | None:
        """Who says so, as far as that is known."""
        return self.user or login_name()


class AcknowledgeSettings(CommandSettings):
    """Say that somebody has seen alarms; the exit status is 0 if all that is noted.

    Example: monitor acknowledge Sensor-LARI-01@silent@2026-11-23T10:00:00.000Z
    """

    ids: CliPositionalArg[list[Annotated[str, StringConstraints(min_length=1, max_length=200)]]] = Field(
        min_length=1, description="of the alarms, as `monitor alarms` shows them"
    )


class ShelveSettings(CommandSettings):
    """Shelve a rule of a sensor for a while; the exit status is 0 if that is noted.

    Example: monitor shelve Sensor-LARI-01 overconsumption --minutes 120
    """

    sensor: CliPositionalArg[SensorId] = Field(description="the sensor")
    rule: CliPositionalArg[Annotated[str, StringConstraints(min_length=1, max_length=64)]] = Field(
        description="the rule, as `monitor alarms` shows it"
    )
    minutes: int = Field(60, ge=0, le=MAX_SHELVED_MINUTES, description="for how long; 0 ends it")
