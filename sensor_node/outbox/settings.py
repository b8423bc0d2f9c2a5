"""Settings of the way of readings to the broker, whatever measures them."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from broker.address import MqttUrl
from broker.messages import MAX_VALUE_KWH
from broker.settings import Duration, ProcessSettings
from broker.topics import TopicRoot


class TransportSettings(ProcessSettings):
    """How readings are brought home, whatever is measured."""

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
        None,
        description="append every attempt, what must come of it and its outcome to this file, for "
        "`monitor verify`",
    )
    heartbeat: Path | None = Field(None, description="touch this file whenever the broker took readings")
    drain: Duration = Field(
        "60s", validate_default=True, description="at the end: how long to wait for confirmations"
    )
    threshold_kwh: Annotated[float, Field(ge=0, le=MAX_VALUE_KWH, allow_inf_nan=False)] = Field(
        12.0, description="for the ledger: a reading strictly above it must be flagged"
    )
    mqtt_url: MqttUrl = Field("mqtt://127.0.0.1:1883", description="the broker")
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")
