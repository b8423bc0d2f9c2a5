"""How what is stored is written in answers. Whatever somebody has spoiled in the database is null."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    field_validator,
)

from ingestor.documents import format_timestamp

TIME_EXAMPLE = "2026-11-23T10:00:00.123Z"

Timestamp = Annotated[
    datetime,
    PlainSerializer(format_timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [TIME_EXAMPLE]}),
]
"""A document's time, UTC, naive."""
Kwh = Annotated[float, Field(allow_inf_nan=False)]


class ApiModel(BaseModel):
    """What all answers have in common: all fields are always there."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class DocumentModel(ApiModel):
    """A document. People can change documents by hand, so that any field can be missing or wrong."""

    model_config = ConfigDict(strict=True)

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_null(cls, value: object, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - of any field
        try:
            return handler(value)
        except ValidationError:
            return None


class ShelvedRule(DocumentModel):
    """A rule of which nobody wants to hear for a while."""

    rule: str | None
    until: Timestamp | None = Field(None, description="Until when.")
    user: str | None = Field(None, description="Who said so, if they said it.")


class Sensor(DocumentModel):
    """A sensor."""

    sensor_id: str | None = Field(None, examples=["Sensor-LARI-01"])
    site: str | None = Field(None, examples=["lari"])
    location: str | None = Field(
        None, description="Where it is: what a person has set, else what it says.", examples=["Room 1"]
    )
    reported_location: str | None = Field(None, description="Where it says that it is.")
    status: str | None = Field(None, description="What its node last said.", examples=["online"])
    node_id: str | None = Field(None, description="The node that it belongs to.")
    first_reading: Timestamp | None = Field(None, description="The time of its oldest reading.")
    last_reading: Timestamp | None = Field(None, description="The time of its newest reading.")
    threshold_kwh: Kwh | None = Field(None, description="Its own threshold, kWh, if it has one.")
    interval_s: Kwh | None = Field(
        None, description="How far apart its readings are, as learned, seconds.", examples=[5.0]
    )
    shelved: list[ShelvedRule] = Field([], description="What is shelved, or was last.")

    @classmethod
    def of(cls, document: Any) -> "Sensor":  # noqa: ANN401 - as it is in the database
        """Write a document."""
        shown = document.get("own_location") or document.get("location")
        reported, shelves = document.get("location"), list(_shelves(document.get("shelved")))
        return cls.model_validate(
            {**document, "location": shown, "reported_location": reported, "shelved": shelves}
        )


class ReadingItem(DocumentModel):
    """A reading."""

    sensor_id: str | None = Field(None, examples=["Sensor-LARI-01"])
    site: str | None = Field(None, examples=["lari"])
    location: str | None = Field(None, description="Where the sensor said that it is.", examples=["Room 1"])
    timestamp: Timestamp | None = Field(None, description="When it was read, by the sensor's clock.")
    value_kwh: Kwh | None = Field(
        None, description="Energy used since the reading before, kWh.", examples=[1.82]
    )
    is_anomaly: bool | None = Field(None, description="Whether it was above the threshold.")
    threshold_kwh: Kwh | None = Field(None, description="The threshold, kWh, if it was above it.")
    status_message: str | None = Field(None, examples=["Consumption is normal."])
    received_at: Timestamp | None = Field(None, description="When it came.")
    alerted_at: Timestamp | None = Field(None, description="When an alert was published, if one was.")


class RollupItem(DocumentModel):
    """What a sensor used in an hour or on a day (UTC)."""

    sensor_id: str | None = Field(None, examples=["Sensor-LARI-01"])
    site: str | None = Field(None, examples=["lari"])
    start: Timestamp | None = Field(None, description="When the hour or day begins.")
    energy_kwh: Kwh | None = Field(None, description="Energy used in it, kWh.", examples=[43.7])
    readings: int | None = Field(None, description="How many readings it has.", validation_alias="count")
    max_kwh: Kwh | None = Field(None, description="The highest reading, kWh.", examples=[2.31])
    anomalies: int | None = Field(None, description="How many readings were above the threshold.")
    computed_at: Timestamp | None = Field(None, description="When this was summed up.")


def _shelves(shelved: object) -> Iterator[dict[str, object]]:
    if isinstance(shelved, dict):
        for rule, shelf in shelved.items():
            yield {**(shelf if isinstance(shelf, dict) else {}), "rule": rule}
