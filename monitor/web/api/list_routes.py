"""Readings of all sensors, alarms, and rejected payloads: lists by time, the newest first."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from broker.topics import SensorId
from monitor.queries.alarms import AlarmFilter, AlarmQueries, AlarmSelection
from monitor.queries.database import Database
from monitor.queries.readings import ReadingFilter as Wanted
from monitor.queries.readings import ReadingQueries
from monitor.queries.rejected import RejectedQueries
from monitor.web.api.alarm_models import AlarmItem, RejectedItem
from monitor.web.api.errors import problem_responses
from monitor.web.api.models import ApiModel, ReadingItem
from monitor.web.api.parameters import PagedQuery, SiteQuery, TimeRangeQuery, format_cursor, parse_cursor

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


class ReadingList(ApiModel):
    """Readings, the newest first."""

    items: list[ReadingItem]
    next: str | None = Field(description=NEXT)


class AlarmList(ApiModel):
    """Alarms, those that changed last first."""

    items: list[AlarmItem]
    next: str | None = Field(description=NEXT)


class RejectedList(ApiModel):
    """Rejected payloads, the newest first."""

    items: list[RejectedItem]
    next: str | None = Field(description=NEXT)


class ReadingsQuery(TimeRangeQuery, SiteQuery, PagedQuery):
    """Which readings."""

    anomalies: Literal["true", "false"] = Field("false", description="Only those above the threshold.")


class AlarmsQuery(SiteQuery, PagedQuery):
    """Which alarms."""

    state: AlarmSelection = Field("standing", description="Those that stand, those that are past, or all.")
    sensor: SensorId | SkipJsonSchema[None] = Field(None, description="Only of this sensor.")
    rule: Rule | SkipJsonSchema[None] = Field(None, description="Only of this rule.", examples=["silent"])
    severity: Literal["critical", "major", "minor", "warning"] | SkipJsonSchema[None] = Field(
        None, description="Only as bad as this."
    )


class RejectedQuery(PagedQuery):
    """Which payloads."""

    limit: int = Field(20, ge=1, le=100, description="How many at most; each can have 64 KiB.")
    sensor: SensorId | SkipJsonSchema[None] = Field(None, description="Only of this sensor.")


def make_record_routes(database: Database) -> APIRouter:
    """The lists.

    Args:
        database: Where they are.
    """
    router = APIRouter()
    readings, alarms, rejected = ReadingQueries(database), AlarmQueries(database), RejectedQueries(database)

    @router.get("/measures", tags=["measures"], summary="List readings of all sensors")
    async def list_measures(asked: Annotated[ReadingsQuery, Query()]) -> ReadingList:
        """Readings of all sensors, the newest first; of the last 24 hours if no time is given."""
        wanted = Wanted(asked.site, are_anomalies=asked.anomalies == "true")
        page = await readings.page_all_sensors(asked.span(), wanted, asked.limit, parse_cursor(asked.after))
        return ReadingList(
            items=[ReadingItem.model_validate(each) for each in page.documents], next=format_cursor(page.end)
        )

    @router.get("/alarms", tags=["alarms"], summary="List alarms")
    async def list_alarms(asked: Annotated[AlarmsQuery, Query()]) -> AlarmList:
        """Alarms, those that changed last first."""
        sought = AlarmFilter(asked.site, asked.sensor, asked.rule, asked.severity)
        page = await alarms.page(asked.state, sought, asked.limit, parse_cursor(asked.after))
        return AlarmList(items=[AlarmItem.of(each) for each in page.documents], next=format_cursor(page.end))

    @router.get(
        "/alarms/{alarm_id}",
        tags=["alarms"],
        summary="Show an alarm",
        responses=problem_responses(s404="There is no such alarm."),
    )
    async def show_alarm(alarm_id: AlarmPath) -> AlarmItem:
        """One alarm."""
        found = await alarms.by_ids([alarm_id])
        if not found:
            raise HTTPException(404, "there is no such alarm")
        return AlarmItem.of(found[alarm_id])

    @router.get("/rejected", tags=["rejected"], summary="List rejected payloads")
    async def list_rejected(asked: Annotated[RejectedQuery, Query()]) -> RejectedList:
        """Payloads rejected in the last 30 days, the newest first."""
        topics = None if asked.sensor is None else await rejected.topics(asked.sensor)
        page = await rejected.page(topics, asked.limit, parse_cursor(asked.after))
        return RejectedList(
            items=[RejectedItem.of(each) for each in page.documents], next=format_cursor(page.end)
        )

    return router
