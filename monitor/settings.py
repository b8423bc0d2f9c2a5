"""What the monitor's commands can be told."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import CliPositionalArg

from broker.settings import MongoUrl, ProcessSettings
from broker.topics import TopicRoot


class WatchSettings(ProcessSettings):
    """Show readings as they are stored, one line each, until Ctrl-C.

    Example: monitor watch --mongo-url mongodb://viewer:secret@localhost/energy_db
    """

    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")


class VerifySettings(ProcessSettings):
    """Hold ledgers of sensor nodes against the database; the exit status is 0 if all is well.

    Example: monitor verify ledger.jsonl --mongo-url mongodb://viewer:secret@localhost/energy_db
    """

    files: CliPositionalArg[list[Path]] = Field(
        min_length=1, description="ledgers, written by `sensor-node --ledger`; - for standard input"
    )
    alerts: Path | None = Field(
        None, description="alerts that were recorded meanwhile: mosquitto_sub -t 'energy/alerts/#' > FILE"
    )
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")
