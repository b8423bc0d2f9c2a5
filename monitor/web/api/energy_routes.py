"""How much energy was used when and by whom: sums over hours."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from monitor.queries.database import Database, TimeRange
from monitor.queries.energy import EnergyFilter, EnergyQueries, GroupBy, Grouping, Unit
from monitor.report.settings import check_zone
from monitor.web.api.errors import InvalidQueryError
from monitor.web.api.models import ApiModel, DocumentModel, Kwh, Timestamp
from monitor.web.api.parameters import SensorIds, SiteQuery, TimeRangeQuery

DEFAULT_RANGE = timedelta(days=7)
MAX_RANGE = timedelta(days=366)
MAX_ROWS = 10_000
ZoneName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$")]


class EnergyRow(DocumentModel):
    """What was used in a while."""

    start: Timestamp | None = Field(None, description="When it begins.")
    site: str | None = Field(None, description="Where, if it is by site.")
    sensor_id: str | None = Field(None, description="By which sensor, if it is by sensor.")
    energy_kwh: Kwh | None = Field(None, description="The energy, kWh.", examples=[43.7])
    readings: int | None = Field(None, description="How many readings it is of.")
    max_kwh: Kwh | None = Field(None, description="The highest reading, kWh.", examples=[2.31])
    anomalies: int | None = Field(None, description="How many readings were above the threshold.")


class HeatRow(DocumentModel):
    """An hour of the week."""

    weekday: int | None = Field(None, description="1 is Monday.", ge=1, le=7)
    hour: int | None = Field(None, description="0 to 23.", ge=0, le=23)
    mean_kwh: Kwh | None = Field(None, description="What is used in it on average, kWh.")


class PeakRow(DocumentModel):
    """An hour with a high reading."""

    sensor_id: str | None = Field(None, examples=["Sensor-LARI-01"])
    site: str | None = Field(None, examples=["lari"])
    start: Timestamp | None = Field(None, description="When the hour begins.")
    max_kwh: Kwh | None = Field(None, description="The reading, kWh.")


class EnergyTable(ApiModel):
    """Energies, by time and then by who it was."""

    items: list[EnergyRow]


class HeatTable(ApiModel):
    """The hours of a week in which there were readings, from Monday's first on."""

    items: list[HeatRow]


class PeakList(ApiModel):
    """Hours, that with the highest reading first."""

    items: list[PeakRow]


class EnergyScopeQuery(TimeRangeQuery, SiteQuery):
    """Whose energy of which time; of the last 7 days if no time is given."""

    sensor: SensorIds = Field([], description="Only of these sensors.")

    @property
    def week(self) -> TimeRange:
        """The time."""
        return self.span(DEFAULT_RANGE, MAX_RANGE)

    @property
    def scope(self) -> EnergyFilter:
        """Whose."""
        return EnergyFilter(self.site, self.sensor)


class HeatQuery(EnergyScopeQuery):
    """The same in a time zone."""

    time_zone: ZoneName = Field("UTC", description="Whose midnights begin a day.", examples=["Europe/Berlin"])

    @property
    def zone(self) -> str:
        """Its name.

        Raises:
            UnfitError: There is no such time zone.
        """
        try:
            return check_zone(self.time_zone).key
        except ValueError as error:
            raise InvalidQueryError("time_zone", f"time_zone: {error}") from None


class EnergyQuery(HeatQuery):
    """The same in parts."""

    unit: Unit | Literal["total"] = Field("day", description="Per hour, day or week (from Monday), or all.")
    by: GroupBy | Literal["none"] = Field("none", description="Per site or sensor, or all together.")


class PeaksQuery(EnergyScopeQuery):
    """The same, but only the highest."""

    limit: int = Field(10, ge=1, le=1000, description="How many at most.")


def make_energy_routes(database: Database) -> APIRouter:
    """The questions about energy.

    Args:
        database: Where the hours are.
    """
    router = APIRouter(tags=["energy"])
    energy = EnergyQueries(database)

    @router.get("/energy", summary="Sum up energy")
    async def sum_up(asked: Annotated[EnergyQuery, Query()]) -> EnergyTable:
        """Energy by time and by who used it: at most 366 days and 10,000 rows at once.

        Hours (UTC) that begin in the time count. They are a few seconds behind the readings.
        """
        by: GroupBy | None = None if asked.by == "none" else asked.by
        grouping = Grouping(None if asked.unit == "total" else asked.unit, by, asked.zone)
        rows = await energy.rows(asked.week, grouping, MAX_ROWS + 1, scope=asked.scope)
        if len(rows) > MAX_ROWS:
            raise InvalidQueryError(
                "too_much", f"more than {MAX_ROWS:,} rows; ask for less time or a larger unit"
            )
        who = {"site": "site", "sensor": "sensor_id", None: "nobody"}[by]
        return EnergyTable(
            items=[EnergyRow.model_validate({**each._asdict(), who: each.who}) for each in rows]
        )

    @router.get("/energy/heat", summary="Energy by hour of the week")
    async def show_heat(asked: Annotated[HeatQuery, Query()]) -> HeatTable:
        """What is used on average in each hour of the week; at most 366 days at once."""
        cells = await energy.heat(asked.week, zone=asked.zone, scope=asked.scope)
        return HeatTable(items=[HeatRow.model_validate(each._asdict()) for each in cells])

    @router.get("/energy/peaks", summary="The hours with the highest readings")
    async def show_peaks(asked: Annotated[PeaksQuery, Query()]) -> PeakList:
        """The hours with the highest readings, the highest first; at most 366 days at once."""
        peaks = await energy.peaks(asked.week, asked.limit, scope=asked.scope)
        return PeakList(items=[PeakRow.model_validate(each._asdict()) for each in peaks])

    return router
