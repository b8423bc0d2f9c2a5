"""Settings of delivery to the broker."""

from pathlib import Path

from pydantic import Field

from broker.address import MqttUrl
from broker.messages import MAX_VALUE_KWH
from broker.program.settings import Duration, ProcessSettings
from broker.topics import TopicRoot


class TransportSettings(ProcessSettings):
    """How readings are delivered, whatever is measured."""

    outbox: Path | None = Field(
        None,
        description="keep unconfirmed readings in this file, or in this folder with one file per node; "
        "without it, in memory",
    )
    outbox_limit: int = Field(
        1_000_000,
        ge=1,
        description="maximum number of unconfirmed readings; above it, new ones are lost, with a log line",
    )
    backfill_rate: int = Field(2_000, ge=1, description="older readings to send per second, besides new ones")
    ledger: Path | None = Field(
        None,
        description="append every attempt, its expected and real outcome to this file, for `monitor verify`",
    )
    heartbeat: Path | None = Field(None, description="touch this file when the broker accepts readings")
    drain: Duration = Field(
        "60s", validate_default=True, description="how long to wait for confirmations at the end"
    )
    threshold_kwh: float = Field(
        12.0,
        ge=0,
        le=MAX_VALUE_KWH,
        allow_inf_nan=False,
        description="for the ledger: readings strictly above it must be flagged",
    )
    mqtt_url: MqttUrl = Field("mqtt://127.0.0.1:1883", description="URL of the broker")
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")
