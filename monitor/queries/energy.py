"""How much energy was used when, by whom: from the hours, which are in the order of their starts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pymongo.errors import OperationFailure

from monitor.queries.database import Database, QueryError, Span, asking

Unit = Literal["hour", "day", "week"]
By = Literal["site", "sensor"]
# A year of a thousand sensors is nine million hours.
SUM_LIMIT_S = 60.0
UNKNOWN_ZONE = 40485


class ZoneError(QueryError):
    """Raised when the database does not know a time zone by this name."""


class Grouping(NamedTuple):
    """How energy is summed up.

    Attributes:
        unit: Per hour, day or week (from Monday); None for the whole time at once.
        by: Per site or sensor; None for all together.
        zone: Whose midnights begin a day.
    """

    unit: Unit | None
    by: By | None = None
    zone: str = "UTC"


class Scope(NamedTuple):
    """Whose energy.

    Attributes:
        sites: Of which sites only; all if none is named.
        sensor_ids: Of which sensors only; all if none is named.
    """

    sites: Sequence[str] = ()
    sensor_ids: Sequence[str] = ()


ALL = Scope()


class Total(NamedTuple):
    """What was used in a while.

    Attributes:
        start: When it begins, UTC, naive; midnights are those of the time zone asked for.
        who: The site or the sensor; None if it is all of them.
        energy_kwh: The energy, kWh.
        readings: How many.
        max_kwh: The highest reading, kWh.
        anomalies: How many readings were too high.
    """

    start: datetime
    who: str | None
    energy_kwh: float
    readings: int
    max_kwh: float
    anomalies: int


class HeatCell(NamedTuple):
    """An hour of the week.

    Attributes:
        weekday: 1 is Monday.
        hour: 0 to 23.
        mean_kwh: What is used in it on average, kWh.
    """

    weekday: int
    hour: int
    mean_kwh: float


class Peak(NamedTuple):
    """An hour with a high reading.

    Attributes:
        sensor_id: Whose.
        site: Where.
        start: When the hour begins, UTC, naive.
        max_kwh: The reading, kWh.
    """

    sensor_id: str
    site: str
    start: datetime
    max_kwh: float


class Energy:
    """Sums over hours, as ``hourly`` has them: a few seconds old."""

    def __init__(self, database: Database) -> None:
        self._hourly = database["hourly"]

    async def totals(
        self,
        span: Span,
        unit: Unit | None,
        by: By | None = None,
        *,
        zone: str = "UTC",
        scope: Scope = ALL,
    ) -> list[Total]:
        """Sum up, by time and by who it was.

        Args:
            span: The time; hours that begin in it count.
            unit: Per hour, day or week (from Monday); None for the whole time at once.
            by: Per site or sensor; None for all together.
            zone: Whose midnights begin a day.
            scope: Whose.

        Raises:
            QueryError: The database does not answer.
        """
        return await self.rows(span, Grouping(unit, by, zone), scope=scope)

    async def rows(
        self, span: Span, grouping: Grouping, most: int | None = None, *, scope: Scope = ALL
    ) -> list[Total]:
        """The same, but not more than ``most``.

        Raises:
            QueryError: The database does not answer.
        """
        start: object = {"$literal": span.first}
        if grouping.unit is not None:
            trunc = {"unit": grouping.unit, "timezone": grouping.zone, "startOfWeek": "monday"}
            start = {"$dateTrunc": {"date": "$start", **trunc}}
        who = {"site": "$site", "sensor": "$sensor_id", None: None}[grouping.by]
        sums: dict[str, Any] = {
            "energy_kwh": {"$sum": "$energy_kwh"},
            "count": {"$sum": "$count"},
            "max_kwh": {"$max": "$max_kwh"},
            "anomalies": {"$sum": "$anomalies"},
        }
        stages = [
            _match(span, scope),
            {"$group": {"_id": {"start": start, "who": who}, **sums}},
            {"$sort": {"_id.start": 1, "_id.who": 1}},
            *([] if most is None else [{"$limit": most}]),
        ]
        with _asking():
            return [
                Total(
                    each["_id"]["start"],
                    each["_id"].get("who"),
                    each["energy_kwh"],
                    each["count"],
                    each["max_kwh"],
                    each["anomalies"],
                )
                async for each in self._hourly.aggregate(stages, allowDiskUse=True)
            ]

    async def heat(self, span: Span, *, zone: str = "UTC", scope: Scope = ALL) -> list[HeatCell]:
        """The mean use of each hour of the week, as far as there were readings in it.

        Raises:
            QueryError: The database does not answer.
        """
        when = {"date": "$_id", "timezone": zone}
        stages = [
            _match(span, scope),
            {"$group": {"_id": "$start", "energy_kwh": {"$sum": "$energy_kwh"}}},
            {
                "$group": {
                    "_id": {"weekday": {"$isoDayOfWeek": when}, "hour": {"$hour": when}},
                    "mean_kwh": {"$avg": "$energy_kwh"},
                }
            },
            {"$sort": {"_id": 1}},
        ]
        with _asking():
            return [
                HeatCell(each["_id"]["weekday"], each["_id"]["hour"], each["mean_kwh"])
                async for each in self._hourly.aggregate(stages)
            ]

    async def peaks(self, span: Span, limit: int, *, scope: Scope = ALL) -> list[Peak]:
        """The hours with the highest readings, the highest first.

        Raises:
            QueryError: The database does not answer.
        """
        stages = [
            _match(span, scope),
            {"$sort": {"max_kwh": -1, "_id": 1}},
            {"$limit": limit},
        ]
        with _asking():
            return [
                Peak(each.get("sensor_id"), each.get("site"), each["start"], each.get("max_kwh"))
                async for each in self._hourly.aggregate(stages)
            ]


@contextmanager
def _asking() -> Iterator[None]:
    try:
        with asking(SUM_LIMIT_S):
            yield
    except QueryError as error:
        cause = error.__cause__
        if isinstance(cause, OperationFailure) and cause.code == UNKNOWN_ZONE:
            raise ZoneError("the database does not know this time zone") from error
        raise


def _match(span: Span, scope: Scope) -> dict[str, Any]:
    wanted: dict[str, Any] = {"start": span.query}
    if scope.sites:
        wanted["site"] = {"$in": list(scope.sites)}
    if scope.sensor_ids:
        wanted["sensor_id"] = {"$in": list(scope.sensor_ids)}
    return {"$match": wanted}
