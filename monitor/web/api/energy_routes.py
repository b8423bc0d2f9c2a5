"""Energy by time, site and sensor: sums over hours."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field, StringConstraints

from monitor.queries.database import QueryDatabase
from monitor.queries.energy import EnergyFilter, EnergyQueries, GroupBy, Grouping, Unit
from monitor.report.settings import check_zone
from monitor.web.api.errors import InvalidQueryError
from monitor.web.api.models import EnergyRow, HeatRow, ItemList, PeakRow
from monitor.web.api.parameters import SensorIds, SiteQuery, TimeRangeQuery

MAX_ROWS = 10_000


def _zone_key(name: str) -> str:
    try:
        return check_zone(name).key
    except ValueError as error:
        raise InvalidQueryError("time_zone", f"time_zone: {error}") from None


ZoneName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$"), AfterValidator(_zone_key)
]


class EnergyScopeQuery(TimeRangeQuery, SiteQuery):
    """Which sites, sensors and period; the last 7 days by default."""

    default_span = timedelta(days=7)
    max_span = timedelta(days=366)
    sensor: SensorIds = Field([], description="Only these sensors.")

    @property
    def scope(self) -> EnergyFilter:
        """The sites and sensors."""
        return EnergyFilter(self.site, self.sensor)


class HeatQuery(EnergyScopeQuery):
    """The same in a time zone."""

    time_zone: ZoneName = Field("UTC", description="Days begin at its midnights.", examples=["Europe/Berlin"])


class EnergyQuery(HeatQuery):
    """The same in parts."""

    unit: Unit | Literal["total"] = Field("day", description="Per hour, day or week (from Monday), or total.")
    by: GroupBy | Literal["none"] = Field("none", description="Per site or sensor, or all together.")


class PeaksQuery(EnergyScopeQuery):
    """The same, only the highest."""

    limit: int = Field(10, ge=1, le=1000, description="Number of items at most.")


def make_energy_routes(database: QueryDatabase) -> APIRouter:
    """Routes about energy."""
    router = APIRouter(tags=["energy"])
    energy = EnergyQueries(database)

    @router.get("/energy", summary="Sum up energy")
    async def sum_up(query: Annotated[EnergyQuery, Query()]) -> ItemList[EnergyRow]:
        """Energy by time, and by site or sensor: at most 366 days and 10,000 rows at once.

        Hours (UTC) that begin in the period count. They are a few seconds behind the readings.
        """
        by: GroupBy | None = None if query.by == "none" else query.by
        grouping = Grouping(None if query.unit == "total" else query.unit, by, query.time_zone)
        rows = await energy.totals(query.span(), grouping, MAX_ROWS + 1, scope=query.scope)
        if len(rows) > MAX_ROWS:
            too_many = f"more than {MAX_ROWS:,} rows; ask for less time or a larger unit"
            raise InvalidQueryError("too_much", too_many)
        who = {"site": "site", "sensor": "sensor_id", None: "nobody"}[by]
        return ItemList[EnergyRow](items=[{**each._asdict(), who: each.who} for each in rows])

    @router.get("/energy/heat", summary="Show energy by hour of the week")
    async def show_heat(query: Annotated[HeatQuery, Query()]) -> ItemList[HeatRow]:
        """Average energy of each hour of the week with readings, from Monday; at most 366 days at once."""
        cells = await energy.heat(query.span(), zone=query.time_zone, scope=query.scope)
        return ItemList[HeatRow](items=cells)

    @router.get("/energy/peaks", summary="List the hours with the highest readings")
    async def show_peaks(query: Annotated[PeaksQuery, Query()]) -> ItemList[PeakRow]:
        """Hours with the highest readings, highest first; at most 366 days at once."""
        peaks = await energy.peaks(query.span(), query.limit, scope=query.scope)
        return ItemList[PeakRow](items=peaks)

    return router
