"""Stored documents as answers. A field that somebody changed by hand so that it cannot be read is null."""

import base64
from datetime import datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from bson import ObjectId
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ingestor.documents import format_timestamp
from monitor.queries.alarms import is_active
from monitor.queries.paging import ResultPage

Item = TypeVar("Item")
Document = dict[str, Any]
Timestamp = Annotated[
    datetime,
    PlainSerializer(format_timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T10:00:00.123Z"]}),
]
"""A document's time, UTC, naive."""
Kwh = Annotated[float, Field(allow_inf_nan=False)]
DocumentId = Annotated[str, BeforeValidator(lambda name: str(name) if isinstance(name, ObjectId) else name)]
Payload = Annotated[
    bytes,
    PlainSerializer(lambda payload: base64.b64encode(payload).decode(), return_type=str),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]


class ApiModel(BaseModel):
    """Base of all answers: every field is always present."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class ItemList(ApiModel, Generic[Item]):
    """A whole list."""

    items: list[Item]


class ItemPage(ItemList[Item]):
    """A page of a list."""

    next: str | None = Field(description="Pass it as `after` for the next page; null on the last page.")

    @classmethod
    def of(cls, page: ResultPage) -> Self:
        """Show a page of documents."""
        return cls(items=page.documents, next=page.end and str(page.end))


class DocumentModel(ApiModel):
    """A document. People can change documents by hand: any field can be missing or wrong."""

    model_config = ConfigDict(strict=True, from_attributes=True)

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_null(cls, value: object, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - any field
        try:
            return handler(value)
        except ValidationError:
            return None


class SensorDocumentModel(DocumentModel):
    """A document about one sensor."""

    sensor_id: str | None = Field(None, examples=["Sensor-LARI-01"])
    site: str | None = Field(None, examples=["lari"])


class ShelvedRule(DocumentModel):
    """A muted rule."""

    rule: str | None
    until: Timestamp | None = Field(None, description="When the mute ends.")
    user: str | None = Field(None, description="Who muted it, if known.")


class Sensor(SensorDocumentModel):
    """A sensor."""

    location: str | None = Field(None, description="As set, else as reported.", examples=["Room 1"])
    reported_location: str | None = Field(None, description="As reported by the sensor.")
    status: str | None = Field(None, description="Last status of its node.", examples=["online"])
    node_id: str | None = Field(None, description="Its node.")
    first_reading: Timestamp | None = Field(None, description="Time of its oldest reading.")
    last_reading: Timestamp | None = Field(None, description="Time of its newest reading.")
    threshold_kwh: Kwh | None = Field(None, description="Its own threshold in kWh, if it has one.")
    interval_s: Kwh | None = Field(None, description="Learned seconds between readings.", examples=[5.0])
    shelved: list[ShelvedRule] = Field([], description="Muted rules, also those whose mute has ended.")

    @model_validator(mode="before")
    @classmethod
    def _from_document(cls, document: Document) -> Document:
        reported = document.get("location")
        shown = document.get("own_location") or reported
        shelves = document.get("shelved")
        shelved = [
            {**(shelf if isinstance(shelf, dict) else {}), "rule": rule}
            for rule, shelf in (shelves if isinstance(shelves, dict) else {}).items()
        ]
        return {**document, "location": shown, "reported_location": reported, "shelved": shelved}


class ReadingItem(SensorDocumentModel):
    """A reading."""

    location: str | None = Field(None, description="As reported by the sensor.", examples=["Room 1"])
    timestamp: Timestamp | None = Field(None, description="Time of the reading, by the sensor's clock.")
    value_kwh: Kwh | None = Field(None, description="kWh since the previous reading.", examples=[1.82])
    is_anomaly: bool | None = Field(None, description="Whether it exceeds the threshold.")
    threshold_kwh: Kwh | None = Field(None, description="The threshold in kWh, if exceeded.")
    status_message: str | None = Field(None, examples=["Consumption is normal."])
    received_at: Timestamp | None = Field(None, description="When the ingestor received it.")
    alerted_at: Timestamp | None = Field(None, description="When an alert was published, if any.")


class EnergyRow(SensorDocumentModel):
    """Energy used in a period."""

    start: Timestamp | None = Field(None, description="Start of the period.")
    energy_kwh: Kwh | None = Field(None, description="Energy in kWh.", examples=[43.7])
    readings: int | None = Field(
        None, description="Number of readings.", validation_alias=AliasChoices("readings", "count")
    )
    max_kwh: Kwh | None = Field(None, description="Highest reading in kWh.", examples=[2.31])
    anomalies: int | None = Field(None, description="Number of readings above the threshold.")


class RollupItem(EnergyRow):
    """Energy that one sensor used in an hour or on a day (UTC)."""

    computed_at: Timestamp | None = Field(None, description="When this was computed.")


class HeatRow(DocumentModel):
    """An hour of the week."""

    weekday: int | None = Field(None, description="1 is Monday.", ge=1, le=7)
    hour: int | None = Field(None, ge=0, le=23)
    mean_kwh: Kwh | None = Field(None, description="Average energy of this hour in kWh.")


class PeakRow(SensorDocumentModel):
    """An hour with a high reading."""

    start: Timestamp | None = Field(None, description="Start of the hour.")
    max_kwh: Kwh | None = Field(None, description="The reading in kWh.")


class AlarmItem(SensorDocumentModel):
    """An alarm: a rule that a sensor violates, or violated."""

    id: str | None = Field(
        None, validation_alias="_id", examples=["Sensor-LARI-01@silent@2026-11-23T10:00:00.000Z"]
    )
    rule: str | None = Field(None, examples=["silent"])
    severity: str | None = Field(None, examples=["major"])
    message: str | None = Field(None, description="What is wrong, for people.")
    stands: bool | None = Field(None, description="Whether the alarm is active, or waits to be acknowledged.")
    since: Timestamp | None = Field(None, description="Time of its first reading, by the sensor's clock.")
    raised_at: Timestamp | None = Field(None, description="Time of the reading that raised it.")
    cleared_at: Timestamp | None = Field(None, description="Time of the reading that cleared it, if any.")
    limit_kwh: Kwh | None = Field(None, description="The limit of the rule in kWh, if it has one.")
    peak_kwh: Kwh | None = Field(None, description="Highest reading in kWh, if the rule is about readings.")
    waits: bool | None = Field(None, description="Whether it stands until somebody acknowledges it.")
    acknowledged_at: Timestamp | None = Field(None, description="When somebody acknowledged it.")
    acknowledged_by: str | None = Field(None, description="Who acknowledged it, if known.")
    in_storm: bool | None = Field(None, description="Whether it began during an alarm flood.")
    retracted_at: Timestamp | None = Field(None, description="When later readings proved it wrong.")
    changed_at: Timestamp | None = Field(None, description="When it last changed.")
    notified_at: Timestamp | None = Field(None, description="When people were notified.")

    @model_validator(mode="before")
    @classmethod
    def _from_document(cls, document: Document) -> Document:
        return {**document, "stands": is_active(document)}


class RejectedItem(DocumentModel):
    """A rejected payload, kept for 30 days."""

    id: DocumentId | None = Field(None, validation_alias="_id", examples=["6743b1f2a7c4e2b1d0f3a9c1"])
    topic: str | None = Field(None, examples=["energy/readings/lari/Sensor-LARI-01"])
    payload: Payload | None = Field(
        None, description="As received, in Base64.", examples=["eyJ2YWx1ZV9rd2giOiAifQ=="]
    )
    kind: str | None = Field(None, description="What is wrong, in one word.", examples=["not_json"])
    reason: str | None = Field(None, description="What is wrong, in one sentence.")
    row: int | None = Field(None, description="Index of the wrong reading in an array.")
    sequence: int | None = Field(None, description="The sensor's sequence number, if sent.")
    received_at: Timestamp | None = Field(None, description="When the ingestor received it.")
    replayed_at: Timestamp | None = Field(None, description="When an operator repaired and resent it.")
