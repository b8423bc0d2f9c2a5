"""Sums of energy are those of the hours, whether the hours or the days were added up for them."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pymongo import MongoClient

from ingestor.documents import format_timestamp, measure_id
from ingestor.store.schema import INDEXES
from monitor.queries.database import QueryDatabase, TimeRange, open_database
from monitor.queries.energy import ALL, EnergyFilter, EnergyQueries, GroupBy, Grouping, Peak, Unit
from stack.servers import Servers

pytestmark = pytest.mark.integration

NAME = "added_up"
HOUR = timedelta(hours=1)
FIRST = datetime(2026, 9, 25)  # noqa: DTZ001 - clocks are changed in the month after it
DAYS = 60
SUMMED = ("energy_kwh", "count", "anomalies")
EMPTY = dict.fromkeys((*SUMMED, "max_kwh"), 0)
PLACES = {"A-01": "north", "A-02": "north", "B-01": "south"}


@pytest.fixture(scope="module")
def hours(servers: Servers) -> Iterator[list[dict[str, Any]]]:
    """Hours of two months with gaps, and the days that they come to, in a database of this test's own."""
    chance = random.Random(6)
    hours: list[dict[str, Any]] = [
        {
            "_id": measure_id(sensor, format_timestamp(start)[:13]),
            "sensor_id": sensor,
            "site": site,
            "start": start,
            "count": chance.randrange(1, 9),
            # Whole numbers: their sums do not depend on the order.
            "energy_kwh": float(chance.randrange(100)),
            "max_kwh": float(chance.randrange(10**6)),
            "anomalies": chance.randrange(3),
        }
        for start in (FIRST + n * HOUR for n in range(DAYS * 24))
        for sensor, site in PLACES.items()
        if chance.random() < 0.9
    ]
    days: dict[str, dict[str, Any]] = {}
    for each in hours:
        name = str(each["_id"])[: -len("T10")]
        day = days.setdefault(name, {**each, "_id": name, "start": each["start"].replace(hour=0), **EMPTY})
        for field in SUMMED:
            day[field] += each[field]
        day["max_kwh"] = max(day["max_kwh"], each["max_kwh"])
    with MongoClient[dict[str, Any]](servers.mongo("admin")) as client:
        for name, documents in (("hourly", hours), ("daily", list(days.values()))):
            client[NAME][name].create_indexes(INDEXES[name])
            client[NAME][name].insert_many(documents)
        yield hours
        client.drop_database(NAME)


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[QueryDatabase]:
    async with open_database(servers.mongo("admin").replace("/energy_db", f"/{NAME}")) as database:
        yield database


SPANS = (
    TimeRange(FIRST + 5 * HOUR, FIRST + 50 * 24 * HOUR + 7 * HOUR),
    TimeRange(FIRST + timedelta(minutes=90), FIRST + timedelta(hours=30, minutes=10)),
    TimeRange(FIRST + 3 * HOUR, FIRST + 9 * HOUR),
)
SCOPES = (
    ALL,
    EnergyFilter(("north",)),
    EnergyFilter((), ("A-02", "B-01")),
    EnergyFilter(("north",), ("A-01",)),
)


def chosen(hours: list[dict[str, Any]], span: TimeRange, scope: EnergyFilter) -> list[dict[str, Any]]:
    return [
        each
        for each in hours
        if span.first <= each["start"] < span.end
        and each["site"] in (scope.sites or {"north", "south"})
        and each["sensor_id"] in (scope.sensor_ids or PLACES)
    ]


def start_of(hour: datetime, unit: Unit | None, zone: str, span: TimeRange) -> datetime:
    if unit is None:
        return span.first
    local = hour.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    if unit != "hour":
        local = local.replace(hour=0, minute=0, fold=0)
    elif local.minute:
        local -= timedelta(minutes=local.minute)
    if unit == "week":
        local -= timedelta(days=local.weekday())
    return local.astimezone(UTC).replace(tzinfo=None)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("unit", ["hour", "day", "week", None])
async def test_sums_are_those_of_the_hours(
    hours: list[dict[str, Any]], database: QueryDatabase, unit: Unit | None, zone: str
) -> None:
    whom: tuple[GroupBy | None, ...] = ("site", "sensor", None)
    for span, scope, by in product(SPANS, SCOPES, whom):
        sums: dict[tuple[datetime, str], list[float]] = defaultdict(lambda: [0, 0, 0, 0])
        for each in chosen(hours, span, scope):
            who = {"site": each["site"], "sensor": each["sensor_id"], None: ""}[by]
            found = sums[start_of(each["start"], unit, zone, span), who]
            for place, field in enumerate(SUMMED):
                found[place] += each[field]
            found[3] = max(found[3], each["max_kwh"])
        totals = await EnergyQueries(database).totals(span, Grouping(unit, by, zone), scope=scope)
        assert [(each.start, each.who or "") for each in totals] == sorted(sums)
        assert [[each.energy_kwh, each.readings, each.anomalies, each.max_kwh] for each in totals] == [
            sums[key] for key in sorted(sums)
        ]


@pytest.mark.parametrize("limit", [1, 10, 40])
async def test_peaks_are_the_highest_hours(
    hours: list[dict[str, Any]], database: QueryDatabase, limit: int
) -> None:
    for span, scope in product(SPANS, SCOPES):
        highest = sorted(chosen(hours, span, scope), key=lambda each: (-each["max_kwh"], each["_id"]))
        wanted = [Peak(each["sensor_id"], each["site"], each["start"], each["max_kwh"]) for each in highest]
        assert await EnergyQueries(database).peaks(span, limit, scope=scope) == wanted[:limit]
