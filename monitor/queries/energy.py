"""How much energy was used when, by whom: from the hours and days that ingestors have added up."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from monitor.queries import time_buckets
from monitor.queries.database import Queries, TimeRange, querying
from monitor.queries.rollups import DAYS, HOURS, Condition, RollupCollection, hours_of_day
from monitor.queries.time_buckets import BucketRun, bucket_runs, single_bucket

Unit = time_buckets.Unit
GroupBy = Literal["site", "sensor"]
Stages = list[dict[str, Any]]
# A year of a thousand sensors is nine million hours.
SUM_LIMIT_S = 60.0
# The database adds up on one core for each question.
MAX_CONCURRENT = 2


class Grouping(NamedTuple):
    """Per hour, day, week (from Monday) or all at once; per site or sensor, or all together."""

    unit: Unit | None
    by: GroupBy | None = None
    zone: str = "UTC"


class EnergyFilter(NamedTuple):
    """Whose energy: of some sites or sensors, all if none is named."""

    sites: Sequence[str] = ()
    sensor_ids: Sequence[str] = ()


ALL = EnergyFilter()


class EnergyTotal(NamedTuple):
    """What a site or sensor (None: all of them) used in a while, and its highest reading.

    It begins at ``start``, UTC, naive; midnights are those of the time zone asked for.
    """

    start: datetime
    who: str | None
    energy_kwh: float
    readings: int
    max_kwh: float
    anomalies: int


class HeatCell(NamedTuple):
    """An hour of the week, and what is used in it on average; weekday 1 is Monday."""

    weekday: int
    hour: int
    mean_kwh: float


class Peak(NamedTuple):
    """An hour (UTC, naive) with a high reading."""

    sensor_id: str
    site: str
    start: datetime
    max_kwh: float


class EnergyQueries(Queries):
    """Sums over hours and days, as ``hourly`` and ``daily`` have them: a few seconds old."""

    async def totals(
        self, span: TimeRange, grouping: Grouping, most: int | None = None, *, scope: EnergyFilter = ALL
    ) -> list[EnergyTotal]:
        """Sum up the hours that begin in a time; not more than ``most`` sums."""
        unit = grouping.unit
        who = {"site": "$site", "sensor": "$sensor_id", None: None}[grouping.by]
        sums: dict[str, Any] = {
            "energy_kwh": {"$sum": "$energy_kwh"},
            "count": {"$sum": "$count"},
            "max_kwh": {"$max": "$max_kwh"},
            "anomalies": {"$sum": "$anomalies"},
        }

        def stages(part: BucketRun) -> Stages:
            return [
                {"$group": {"_id": {"slot": part.number, "who": who}, **sums}},
                {"$sort": {"_id.slot": 1, "_id.who": 1}},
                *([] if most is None else [{"$limit": most}]),
            ]

        asked = single_bucket(span) if unit is None else bucket_runs(span, unit, ZoneInfo(grouping.zone))
        answers = await self._ask(asked, scope, stages)
        return [total for each in zip(asked, answers, strict=True) for total in _add_up(*each)][:most]

    async def heat(self, span: TimeRange, *, zone: str = "UTC", scope: EnergyFilter = ALL) -> list[HeatCell]:
        """The mean use of each hour of the week, as far as there were readings in it."""
        clock, cells = ZoneInfo(zone), defaultdict[tuple[int, int], list[float]](list)
        energies = {"$group": {"_id": "$start", "energy_kwh": {"$sum": "$energy_kwh"}}}
        for documents in await self._ask(bucket_runs(span, "hour", UTC), scope, lambda _: [energies]):
            for each in documents:
                local = each["_id"].replace(tzinfo=UTC).astimezone(clock)
                cells[local.isoweekday(), local.hour] += _numbers([each], "energy_kwh")
        return [HeatCell(*when, sum(cells[when]) / len(cells[when])) for when in sorted(cells) if cells[when]]

    async def peaks(self, span: TimeRange, limit: int, *, scope: EnergyFilter = ALL) -> list[Peak]:
        """The hours with the highest readings, the highest first."""
        highest: Stages = [{"$sort": {"max_kwh": -1, "_id": 1}}, {"$limit": limit}]
        [part] = single_bucket(span)
        with querying(SUM_LIMIT_S):
            days, hours = await asyncio.gather(
                self._add(DAYS, DAYS.condition(part.days(), *scope), highest),
                self._add(HOURS, HOURS.condition(part.hours(), *scope), highest),
            )
            # Their highest hours are among those of the highest days.
            within = [hours_of_day(each["_id"]) for each in days if isinstance(each["_id"], str)]
            hours += await self._add(HOURS, {"$or": within} if within else None, highest)
        peaks = [Peak(*map(each.get, Peak._fields)) for each in hours]
        return sorted(peaks, key=_height)[:limit]

    async def _ask(
        self, asked: Iterable[BucketRun], scope: EnergyFilter, stages: Callable[[BucketRun], Stages]
    ) -> list[list[Any]]:
        """Have the database add up some parts of a time, a few of them at once."""
        gate = asyncio.Semaphore(MAX_CONCURRENT)

        async def ask(part: BucketRun) -> list[Any]:
            found = list[Any]()
            for stored, starts in ((DAYS, part.days()), (HOURS, part.hours())):
                async with gate:
                    found += await self._add(stored, stored.condition(starts, *scope), stages(part))
            return found

        with querying(SUM_LIMIT_S):
            return await asyncio.gather(*map(ask, asked))

    async def _add(self, stored: RollupCollection, wanted: Condition | None, stages: Stages) -> list[Any]:
        if wanted is None:
            return []
        hint: dict[str, Any] = {"hint": "_id_"} if "$or" in wanted else {}
        pipeline = [{"$match": wanted}, *stages]
        return await self._database.aggregate(stored.name, pipeline, allowDiskUse=True, **hint)


def _add_up(part: BucketRun, documents: Sequence[Any]) -> list[EnergyTotal]:
    """The sums of a part's slots, from those of its days and those of its other hours."""
    sums: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for each in documents:
        sums[int(each["_id"]["slot"]), str(each["_id"].get("who") or "")].append(each)
    return [
        EnergyTotal(
            part.start(slot),
            those[0]["_id"].get("who"),
            sum(_numbers(those, "energy_kwh")),
            sum(_numbers(those, "count")),
            max(_numbers(those, "max_kwh"), default=0.0),
            sum(_numbers(those, "anomalies")),
        )
        for (slot, _), those in sorted(sums.items(), key=itemgetter(0))
    ]


def _numbers(documents: Sequence[Any], field: str) -> list[Any]:
    # What is no number, or a decimal one, was put there by hand.
    return [each[field] for each in documents if isinstance(each[field], int | float)]


def _height(peak: Peak) -> tuple[float, str, datetime]:
    height = peak.max_kwh if isinstance(peak.max_kwh, int | float) else 0.0
    return -height, str(peak.sensor_id), peak.start
