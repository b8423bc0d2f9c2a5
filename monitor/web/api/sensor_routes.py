"""Sensors, and what each has measured."""

from typing import Annotated, Any, Literal, cast, get_args

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from ingestor.documents import measure_id
from monitor.queries.database import QueryDatabase
from monitor.queries.downsample import downsample
from monitor.queries.readings import ReadingQueries, Resolution
from monitor.queries.sensors import SensorQueries
from monitor.web.api.errors import InvalidQueryError, problem_responses
from monitor.web.api.models import ItemPage, ReadingItem, RollupItem, Sensor
from monitor.web.api.parameters import CURSOR_RULE, PagedQuery, SensorPath, SiteQuery, TimeRangeQuery

UNKNOWN = problem_responses({404: "Unknown sensor."})
Points = Annotated[int, Field(ge=2, le=5000)]


class SensorSeries(ItemPage[Any]):
    """What a sensor has measured, oldest first."""

    sensor_id: str
    resolution: Resolution = Field(description="What the items are: readings, hours or days.")
    items: list[ReadingItem] | list[RollupItem]


class SensorsQuery(SiteQuery, PagedQuery):
    """Which sensors."""


class SeriesQuery(TimeRangeQuery, PagedQuery):
    """Which period of a sensor, and how finely."""

    resolution: Literal["auto", "raw", "hourly", "daily"] = Field(
        "auto",
        description="Readings, hours or days (UTC). `auto`: readings if there are at most 5,000, else hours "
        "for up to 2,400 hours, else days; the same on all pages.",
    )
    points: Points | SkipJsonSchema[None] = Field(
        None,
        description="For charts: at most this many readings on one page, chosen so that every peak is "
        "kept. Cannot be combined with `limit`, `after`, `hourly` and `daily`.",
    )


def make_sensor_routes(database: QueryDatabase) -> APIRouter:
    """Routes about sensors."""
    router = APIRouter(tags=["sensors"])
    sensors, readings = SensorQueries(database), ReadingQueries(database)

    async def find_or_404(sensor_id: str) -> Sensor:
        document = await sensors.one(sensor_id)
        if document is None:
            raise HTTPException(404, f"there is no sensor {sensor_id}")
        return Sensor.model_validate(document)

    @router.get("/sensors", summary="List sensors")
    async def list_sensors(query: Annotated[SensorsQuery, Query()]) -> ItemPage[Sensor]:
        """Sensors that have ever sent something, by name."""
        found = await sensors.page(query.site, query.limit + 1, query.after or "")
        shown = found[: query.limit]
        following = shown[-1]["sensor_id"] if len(found) > query.limit else None
        return ItemPage[Sensor](items=shown, next=following)

    @router.get("/sensors/{sensor_id}", summary="Show a sensor", responses=UNKNOWN)
    async def show_sensor(sensor_id: SensorPath) -> Sensor:
        """One sensor."""
        return await find_or_404(sensor_id)

    @router.get("/sensors/{sensor_id}/measures", summary="Show what a sensor measured", responses=UNKNOWN)
    async def list_series(sensor_id: SensorPath, query: Annotated[SeriesQuery, Query()]) -> SensorSeries:
        """Readings, hours or days of one sensor; the last 24 hours by default."""
        if query.points is None:
            series = await _page(readings, sensor_id, query)
        else:
            series = await _chart(database, sensor_id, query, query.points)
        if not series.items:
            await find_or_404(sensor_id)
        return series

    return router


async def _chart(database: QueryDatabase, sensor_id: str, query: SeriesQuery, points: int) -> SensorSeries:
    if query.resolution in {"hourly", "daily"} or {"limit", "after"} & query.model_fields_set:
        raise InvalidQueryError("combination", "points: does not go with limit, after, hourly and daily")
    return _series(sensor_id, "raw", await downsample(database, sensor_id, query.span(), points), None)


async def _page(readings: ReadingQueries, sensor_id: str, query: SeriesQuery) -> SensorSeries:
    span, resolution, after = query.span(), query.resolution, None
    if query.after is not None:
        before, separator, last_id = query.after.partition("~")
        if before not in get_args(Resolution) or not separator:
            raise InvalidQueryError("cursor", CURSOR_RULE)
        if resolution not in {"auto", before}:
            raise InvalidQueryError("cursor", f"after: belongs to a list with resolution {before}")
        # It may have been chosen by the number of readings.
        resolution, after = cast("Resolution", before), measure_id(sensor_id, last_id)
    elif resolution == "auto":
        resolution = await readings.fitting_resolution(sensor_id, span)
    found: list[Any]
    if resolution == "raw":
        found = list(await readings.page(sensor_id, span, query.limit + 1, after))
    else:
        found = list(await readings.rollups(sensor_id, span, resolution, query.limit + 1, after))
    shown, following = found[: query.limit], None
    if len(found) > query.limit:
        following = f"{resolution}~{shown[-1]['_id'].partition('@')[2]}"
    return _series(sensor_id, resolution, shown, following)


def _series(sensor_id: str, resolution: Resolution, found: list[Any], following: str | None) -> SensorSeries:
    model = ReadingItem if resolution == "raw" else RollupItem
    items: list[Any] = [model.model_validate(each) for each in found]
    return SensorSeries(sensor_id=sensor_id, resolution=resolution, items=items, next=following)
