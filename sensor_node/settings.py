"""What a sensor node can be told, on the command line or in the environment."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from broker.address import MqttUrl
from broker.messages import MAX_SENSORS_PER_NODE
from broker.settings import Duration, ProcessSettings
from broker.topics import SensorId, SiteId, TopicRoot

FIRST_SENSOR = "Sensor-LARI-01"


def _check_interval(interval: timedelta) -> timedelta:
    if not timedelta(milliseconds=1) <= interval <= timedelta(days=1):
        raise ValueError("an interval is 1ms to 24h")
    return interval


class SensorNodeSettings(ProcessSettings):
    """Run simulated electricity meters that publish their readings.

    Example: sensor-node --sensor-id Sensor-LARI-07 --location "Room 7"
    """

    sensor_id: SensorId | None = Field(
        None,
        description=f"the first meter; further ones count up from it. Default: {FIRST_SENSOR}, or with "
        "an outbox folder the first of the row that no other node there has taken",
    )
    location: Annotated[str, StringConstraints(max_length=200)] = Field(
        "LARI Research Lab", description="where the meters are, for people"
    )
    site: SiteId = Field("lari", description="the site they belong to")
    count: Annotated[int, Field(ge=1, le=MAX_SENSORS_PER_NODE)] = Field(1, description="meters on this node")
    interval: Annotated[Duration, AfterValidator(_check_interval)] = Field(
        "2s", validate_default=True, description="time between two readings of a meter"
    )
    profile: Literal["lari"] = Field("lari", description="what the meters measure")
    seed: int | None = Field(None, description="for the same values at every run")
    readings: Annotated[int, Field(ge=1)] | None = Field(
        None, description="stop after that many, all meters together, once they are confirmed"
    )
    outbox: Path | None = Field(
        None,
        description="keep readings that are not confirmed yet in this file, or in a folder with one "
        "file per node; else in memory",
    )
    outbox_limit: Annotated[int, Field(ge=1)] = Field(
        1_000_000, description="most readings to keep; newer ones are then refused, and said so"
    )
    backfill_rate: Annotated[int, Field(ge=1)] = Field(
        2_000,
        description="readings a second that are sent again, or were left from before, beside the new ones",
    )
    ledger: Path | None = Field(
        None, description="append every attempt and its outcome to this file, for `monitor verify`"
    )
    heartbeat: Path | None = Field(None, description="touch this file whenever the broker took readings")
    drain: Duration = Field(
        "60s", validate_default=True, description="with --readings: how long to wait for confirmations"
    )
    mqtt_url: MqttUrl = Field("mqtt://127.0.0.1:1883", description="the broker")
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")
