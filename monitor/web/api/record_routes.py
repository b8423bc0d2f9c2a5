"""Readings of all sensors, alarms, and what was refused: lists by time, the newest first."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from broker.topics import SensorId
from monitor.queries.database import Database
from monitor.queries.episodes import Episodes, Sought, State
from monitor.queries.readings import Readings
from monitor.queries.readings import Sought as Wanted
from monitor.queries.rejected import RejectedPayloads
from monitor.web.api.alarm_models import Alarm, Rejected
from monitor.web.api.errors import may_fail
from monitor.web.api.inputs import OfSites, Paged, Ranged, to_mark, to_next
from monitor.web.api.models import Answer, Reading

NEXT = "Give it as `after` for the next page; null if this is the last."
Rule = Annotated[str, StringConstraints(min_length=1, max_length=64)]
AlarmPath = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        description="The `id` of an alarm.",
        examples=["Sensor-LARI-01@silent@2026-11-23T10:00:00.000Z"],
    ),
]


class ReadingList(Answer):
    """Readings, the newest first."""

    items: list[Reading]
    next: str | None = Field(description=NEXT)


class AlarmList(Answer):
    """Alarms, those that changed last first."""

    items: list[Alarm]
    next: str | None = Field(description=NEXT)


class RejectedList(Answer):
    """Refused payloads, the newest first."""

    items: list[Rejected]
    next: str | None = Field(description=NEXT)


class ReadingsAsked(Ranged, OfSites, Paged):
    """Which readings."""

    anomalies: Literal["true", "false"] = Field("false", description="Only those above the threshold.")


class AlarmsAsked(OfSites, Paged):
    """Which alarms."""

    state: State = Field("standing", description="Those that stand, those that are past, or all.")
    sensor: SensorId | SkipJsonSchema[None] = Field(None, description="Only of this sensor.")
    rule: Rule | SkipJsonSchema[None] = Field(None, description="Only of this rule.", examples=["silent"])
    severity: Literal["critical", "major", "minor", "warning"] | SkipJsonSchema[None] = Field(
        None, description="Only as bad as this."
    )


class RejectedAsked(Paged):
    """Which payloads."""

    limit: int = Field(20, ge=1, le=100, description="How many at most; each can have 64 KiB.")
    sensor: SensorId | SkipJsonSchema[None] = Field(None, description="Only of this sensor.")


def make_record_routes(database: Database) -> APIRouter:
    """The lists.

    Args:
        database: Where they are.
    """
    router = APIRouter()
    readings, episodes, refused = Readings(database), Episodes(database), RejectedPayloads(database)

    @router.get("/measures", tags=["measures"], summary="List readings of all sensors")
    async def list_measures(asked: Annotated[ReadingsAsked, Query()]) -> ReadingList:
        """Readings of all sensors, the newest first; of the last 24 hours if no time is given."""
        wanted = Wanted(asked.site, are_anomalies=asked.anomalies == "true")
        page = await readings.anywhere(asked.span(), wanted, asked.limit, to_mark(asked.after))
        return ReadingList(
            items=[Reading.model_validate(each) for each in page.documents], next=to_next(page.end)
        )

    @router.get("/alarms", tags=["alarms"], summary="List alarms")
    async def list_alarms(asked: Annotated[AlarmsAsked, Query()]) -> AlarmList:
        """Alarms, those that changed last first."""
        sought = Sought(asked.site, asked.sensor, asked.rule, asked.severity)
        page = await episodes.page(asked.state, sought, asked.limit, to_mark(asked.after))
        return AlarmList(items=[Alarm.of(each) for each in page.documents], next=to_next(page.end))

    @router.get(
        "/alarms/{alarm_id}",
        tags=["alarms"],
        summary="Show an alarm",
        responses=may_fail(s404="There is no such alarm."),
    )
    async def show_alarm(alarm_id: AlarmPath) -> Alarm:
        """One alarm."""
        found = await episodes.named([alarm_id])
        if not found:
            raise HTTPException(404, "there is no such alarm")
        return Alarm.of(found[alarm_id])

    @router.get("/rejected", tags=["rejected"], summary="List refused payloads")
    async def list_rejected(asked: Annotated[RejectedAsked, Query()]) -> RejectedList:
        """Payloads that were refused in the last 30 days, the newest first."""
        topics = None if asked.sensor is None else await refused.topics(asked.sensor)
        page = await refused.page(topics, asked.limit, to_mark(asked.after))
        return RejectedList(items=[Rejected.of(each) for each in page.documents], next=to_next(page.end))

    return router
