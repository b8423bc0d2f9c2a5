"""How alarms and rejected payloads are written in answers."""

import base64
from typing import Any

from bson import ObjectId
from pydantic import Field

from monitor.queries.alarms import is_active
from monitor.web.api.models import DocumentModel, Kwh, Timestamp


class AlarmItem(DocumentModel):
    """A rule of a sensor that is broken, or was."""

    id: str | None = Field(
        None,
        validation_alias="_id",
        description="Its name.",
        examples=["Sensor-LARI-01@silent@2026-11-23T10:00:00.000Z"],
    )
    sensor_id: str | None = Field(None, examples=["Sensor-LARI-01"])
    site: str | None = Field(None, examples=["lari"])
    rule: str | None = Field(None, examples=["silent"])
    severity: str | None = Field(None, examples=["major"])
    message: str | None = Field(None, description="What is the matter, for people.")
    stands: bool | None = Field(None, description="Whether it goes on, or is over and waits to be seen.")
    since: Timestamp | None = Field(None, description="The first reading of it, by the sensor's clock.")
    raised_at: Timestamp | None = Field(None, description="The reading that raised it.")
    cleared_at: Timestamp | None = Field(
        None, description="The reading that cleared it; null as long as it goes on."
    )
    limit_kwh: Kwh | None = Field(None, description="What was exceeded, kWh, if the rule has a limit.")
    peak_kwh: Kwh | None = Field(
        None, description="The highest reading in it, kWh, if the rule looks at them."
    )
    waits: bool | None = Field(None, description="Whether it stands until somebody has seen it.")
    acknowledged_at: Timestamp | None = Field(None, description="When somebody said that they have seen it.")
    acknowledged_by: str | None = Field(None, description="Who, if they said it.")
    in_storm: bool | None = Field(None, description="Whether too many began for it to be told at once.")
    retracted_at: Timestamp | None = Field(
        None, description="When later readings showed that there was no such thing."
    )
    changed_at: Timestamp | None = Field(None, description="When any of this last changed.")
    notified_at: Timestamp | None = Field(None, description="When people were told.")

    @classmethod
    def of(cls, document: Any) -> "AlarmItem":  # noqa: ANN401 - as it is in the database
        """Write a document."""
        return cls.model_validate({**document, "stands": is_active(document)})


class RejectedItem(DocumentModel):
    """A rejected payload; it is kept for 30 days."""

    id: str | None = Field(None, description="Its name.", examples=["6743b1f2a7c4e2b1d0f3a9c1"])
    topic: str | None = Field(
        None, description="Where it came.", examples=["energy/readings/lari/Sensor-LARI-01"]
    )
    payload: str | None = Field(
        None,
        description="What came, Base64.",
        examples=["eyJ2YWx1ZV9rd2giOiAifQ=="],
        json_schema_extra={"contentEncoding": "base64"},
    )
    kind: str | None = Field(None, description="What is wrong with it, in one word.", examples=["not_json"])
    reason: str | None = Field(None, description="What is wrong with it, in one sentence.")
    row: int | None = Field(None, description="Which row of an array it was, counted from 0.")
    sequence: int | None = Field(None, description="The sensor's own count, if it sent one.")
    received_at: Timestamp | None = Field(None, description="When it came.")
    replayed_at: Timestamp | None = Field(None, description="When a person sent it again, repaired.")

    @classmethod
    def of(cls, document: Any) -> "RejectedItem":  # noqa: ANN401 - as it is in the database
        """Write a document."""
        payload, name = document.get("payload"), document.get("_id")
        return cls.model_validate(
            {
                **document,
                "id": str(name) if isinstance(name, ObjectId) else name,
                "payload": base64.b64encode(payload).decode() if isinstance(payload, bytes) else None,
            }
        )
