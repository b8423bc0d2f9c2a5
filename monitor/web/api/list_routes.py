"""Readings of all sensors, alarms, and rejected payloads: lists by time, newest first."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from broker.topics import SensorId
from monitor.queries.alarms import AlarmFilter, AlarmQueries, AlarmSelection
from monitor.queries.database import QueryDatabase
from monitor.queries.readings import ReadingFilter, ReadingQueries
from monitor.queries.rejected import RejectedQueries
from monitor.web.api.errors import problem_responses
from monitor.web.api.models import AlarmItem, ItemPage, ReadingItem, RejectedItem
from monitor.web.api.parameters import PagedQuery, SiteQuery, TimeRangeQuery, parse_cursor

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


class ReadingsQuery(TimeRangeQuery, SiteQuery, PagedQuery):
    """Which readings."""

    anomalies: Literal["true", "false"] = Field("false", description="Only readings above the threshold.")


class AlarmsQuery(SiteQuery, PagedQuery):
    """Which alarms."""

    state: AlarmSelection = Field("standing", description="Active alarms, past alarms, or all.")
    sensor: SensorId | SkipJsonSchema[None] = Field(None, description="Only this sensor.")
    rule: Rule | SkipJsonSchema[None] = Field(None, description="Only this rule.", examples=["silent"])
    severity: Literal["critical", "major", "minor", "warning"] | SkipJsonSchema[None] = Field(
        None, description="Only this severity."
    )


class RejectedQuery(PagedQuery):
    """Which payloads."""

    limit: int = Field(20, ge=1, le=100, description="Number of items at most; each can have 64 KiB.")
    sensor: SensorId | SkipJsonSchema[None] = Field(None, description="Only this sensor.")


def make_record_routes(database: QueryDatabase) -> APIRouter:
    """Routes of lists by time."""
    router = APIRouter()
    readings, alarms, rejected = ReadingQueries(database), AlarmQueries(database), RejectedQueries(database)

    @router.get("/measures", tags=["measures"], summary="List readings of all sensors")
    async def list_measures(query: Annotated[ReadingsQuery, Query()]) -> ItemPage[ReadingItem]:
        """Readings of all sensors, newest first; the last 24 hours by default."""
        sought = ReadingFilter(query.site, are_anomalies=query.anomalies == "true")
        page = await readings.page_all_sensors(query.span(), sought, query.limit, parse_cursor(query.after))
        return ItemPage[ReadingItem].of(page)

    @router.get("/alarms", tags=["alarms"], summary="List alarms")
    async def list_alarms(query: Annotated[AlarmsQuery, Query()]) -> ItemPage[AlarmItem]:
        """Alarms, most recently changed first."""
        sought = AlarmFilter(query.site, query.sensor, query.rule, query.severity)
        page = await alarms.page(query.state, sought, query.limit, parse_cursor(query.after))
        return ItemPage[AlarmItem].of(page)

    @router.get(
        "/alarms/{alarm_id}",
        tags=["alarms"],
        summary="Show an alarm",
        responses=problem_responses({404: "Unknown alarm."}),
    )
    async def show_alarm(alarm_id: AlarmPath) -> AlarmItem:
        """One alarm."""
        found = await alarms.by_ids([alarm_id])
        if not found:
            raise HTTPException(404, "there is no such alarm")
        return AlarmItem.model_validate(found[alarm_id])

    @router.get("/rejected", tags=["rejected"], summary="List rejected payloads")
    async def list_rejected(query: Annotated[RejectedQuery, Query()]) -> ItemPage[RejectedItem]:
        """Payloads rejected in the last 30 days, newest first."""
        topics = None if query.sensor is None else await rejected.topics(query.sensor)
        page = await rejected.page(topics, query.limit, parse_cursor(query.after))
        return ItemPage[RejectedItem].of(page)

    return router
