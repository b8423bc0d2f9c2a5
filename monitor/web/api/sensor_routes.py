"""Which sensors there are, and what each has measured."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from ingestor.documents import measure_id
from monitor.queries.database import Database
from monitor.queries.downsample import downsample
from monitor.queries.readings import ReadingQueries, Resolution
from monitor.queries.sensors import SensorQueries
from monitor.web.api.errors import InvalidQueryError, problem_responses
from monitor.web.api.models import ApiModel, ReadingItem, RollupItem, Sensor
from monitor.web.api.parameters import PagedQuery, SensorPath, SeriesCursor, SiteQuery, TimeRangeQuery

UNKNOWN = problem_responses(s404="There is no such sensor.")
Points = Annotated[int, Field(ge=2, le=5000)]


class SensorList(ApiModel):
    """Sensors, by their names."""

    items: list[Sensor]
    next: str | None = Field(description="Give it as `after` for the next page; null if this is the last.")


class SensorSeries(ApiModel):
    """What a sensor has measured, oldest first."""

    sensor_id: str
    resolution: Resolution = Field(description="What the items are: readings, hours or days.")
    items: list[ReadingItem] | list[RollupItem]
    next: str | None = Field(description="Give it as `after` for the next page; null if this is the last.")


class SensorsQuery(SiteQuery, PagedQuery):
    """Which sensors."""


class SeriesQuery(TimeRangeQuery, PagedQuery):
    """Which time of a sensor, and how finely."""

    resolution: Literal["auto", "raw", "hourly", "daily"] = Field(
        "auto",
        description="Readings, hours or days (UTC). `auto`: readings if there are at most 5,000, else hours "
        "if the time has at most 2,400, else days; all pages are as the first one.",
    )
    points: Points | SkipJsonSchema[None] = Field(
        None,
        description="For drawings: so many readings at most, all at once, chosen so that no peak is lost. "
        "Does not go with `limit`, `after`, `hourly` and `daily`.",
    )


def make_sensor_routes(database: Database) -> APIRouter:
    """The questions about sensors.

    Args:
        database: Where the answers are.
    """
    router = APIRouter(tags=["sensors"])
    sensors, readings = SensorQueries(database), ReadingQueries(database)

    async def find_or_404(sensor_id: str) -> dict[str, Any]:
        document = await sensors.one(sensor_id)
        if document is None:
            raise HTTPException(404, f"there is no sensor {sensor_id}")
        return dict(document)

    @router.get("/sensors", summary="List sensors")
    async def list_sensors(asked: Annotated[SensorsQuery, Query()]) -> SensorList:
        """The sensors that have ever sent something, by their names."""
        found = await sensors.page(asked.site, asked.limit + 1, asked.after or "")
        shown = found[: asked.limit]
        following = shown[-1]["sensor_id"] if len(found) > asked.limit else None
        return SensorList(items=[Sensor.of(each) for each in shown], next=following)

    @router.get("/sensors/{sensor_id}", summary="Show a sensor", responses=UNKNOWN)
    async def show_sensor(sensor_id: SensorPath) -> Sensor:
        """One sensor."""
        return Sensor.of(await find_or_404(sensor_id))

    @router.get("/sensors/{sensor_id}/measures", summary="What a sensor has measured", responses=UNKNOWN)
    async def list_series(sensor_id: SensorPath, asked: Annotated[SeriesQuery, Query()]) -> SensorSeries:
        """Readings, hours or days of one sensor; of the last 24 hours if no time is given."""
        if asked.points is None:
            series = await _page(readings, sensor_id, asked)
        else:
            series = await _drawing(database, sensor_id, asked, asked.points)
        if not series.items:
            await find_or_404(sensor_id)
        return series

    return router


async def _drawing(database: Database, sensor_id: str, asked: SeriesQuery, points: int) -> SensorSeries:
    if asked.resolution in {"hourly", "daily"} or {"limit", "after"} & asked.model_fields_set:
        raise InvalidQueryError("combination", "points: does not go with limit, after, hourly and daily")
    found = await downsample(database, sensor_id, asked.span(), points)
    items = [ReadingItem.model_validate(each) for each in found]
    return SensorSeries(sensor_id=sensor_id, resolution="raw", items=items, next=None)


async def _page(readings: ReadingQueries, sensor_id: str, asked: SeriesQuery) -> SensorSeries:
    span = asked.span()
    key = None if asked.after is None else SeriesCursor.parse(asked.after)
    if key is not None and asked.resolution not in {"auto", key.resolution}:
        raise InvalidQueryError("cursor", f"after: belongs to a list with resolution {key.resolution}")
    if key is not None:
        grain = key.resolution
    elif asked.resolution == "auto":
        grain = await readings.fitting_resolution(sensor_id, span)
    else:
        grain = asked.resolution
    after, most = None if key is None else measure_id(sensor_id, key.last_id), asked.limit + 1
    found: list[Any]
    items: list[ReadingItem] | list[RollupItem]
    if grain == "raw":
        found = list(await readings.page(sensor_id, span, most, after))
        items = [ReadingItem.model_validate(each) for each in found[: asked.limit]]
    else:
        found = list(await readings.rollups(sensor_id, span, grain, most, after))
        items = [RollupItem.model_validate(each) for each in found[: asked.limit]]
    following = (
        str(SeriesCursor(grain, found[asked.limit - 1]["_id"].partition("@")[2]))
        if len(found) == most
        else None
    )
    return SensorSeries(sensor_id=sensor_id, resolution=grain, items=items, next=following)
