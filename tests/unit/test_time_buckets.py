"""Hours, days and weeks of a time zone, as the database is asked for them."""

from bisect import bisect_right
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from monitor.queries.database import TimeRange
from monitor.queries.time_buckets import BucketRun, Unit, bucket_runs, bucket_starts, single_bucket

HOUR = timedelta(hours=1)
# Summer and winter, none, half an hour of it, a day that was left out, midnights that come twice.
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Atlantic/Azores", "Asia/Kolkata")
MOMENTS = st.datetimes(datetime(2011, 10, 1), datetime(2026, 12, 31))  # noqa: DTZ001


def number_of(part: BucketRun, hour: datetime) -> int:
    """What the database computes with the part's expression."""
    if part.number == {"$literal": 0}:
        return 0
    minuend, origin = part.number["$floor"]["$divide"][0]["$subtract"]
    width_ms = part.number["$floor"]["$divide"][1]
    assert minuend == "$start"
    return int((hour - origin) // timedelta(milliseconds=width_ms))


@given(MOMENTS, st.integers(1, 400 * 24), st.sampled_from(["hour", "day", "week"]), st.sampled_from(ZONES))
def test_each_hour_is_counted_once_and_in_the_slot_where_it_belongs(
    first: datetime, hours: int, unit: Unit, zone: str
) -> None:
    first = first.replace(minute=0, second=0, microsecond=0)
    span = TimeRange(first, first + hours * HOUR)
    clock = ZoneInfo(zone)
    edges = list(bucket_starts(span, unit, clock))
    asked = bucket_runs(span, unit, clock)
    assert edges == sorted(set(edges))
    for each in {0, hours - 1, hours // 2, *range(0, hours, 13)}:
        hour = first + each * HOUR
        holding = [part for part in asked if part.span.first <= hour < part.span.end]
        assert len(holding) == 1
        start = holding[0].start(number_of(holding[0], hour))
        assert start == edges[bisect_right(edges, hour) - 1]


@given(
    MOMENTS, st.integers(1, 60 * 24 * 60), st.sampled_from(["hour", "day", "week"]), st.sampled_from(ZONES)
)
def test_days_and_hours_make_up_the_time(first: datetime, minutes: int, unit: Unit, zone: str) -> None:
    span = TimeRange(first, first + timedelta(minutes=minutes))
    wanted = {first.replace(minute=0, second=0, microsecond=0) + n * HOUR for n in range(minutes // 60 + 2)}
    for asked in (bucket_runs(span, unit, ZoneInfo(zone)), single_bucket(span)):
        found = [hour for part in asked for hour in part.hours()]
        for part in asked:
            for day in part.days():
                hours = [day + n * HOUR for n in range(24)]
                assert len({number_of(part, hour) for hour in hours}) == 1
                found += hours
        assert len(found) == len(set(found))
        assert set(found) == {hour for hour in wanted if span.first <= hour < span.end}


@given(MOMENTS, st.integers(1, 60), st.sampled_from(ZONES))
def test_days_begin_at_midnights(first: datetime, days: int, zone: str) -> None:
    clock = ZoneInfo(zone)
    edges = [
        each.replace(tzinfo=ZoneInfo("UTC")).astimezone(clock)
        for each in bucket_starts(TimeRange(first, first + days * timedelta(days=1)), "day", clock)
    ]
    dates = [each.date() for each in edges]
    assert dates == sorted(set(dates))
    # In spring the clocks of the Azores jump from midnight to one o'clock.
    assert all((each.hour, each.minute) in {(0, 0), (1, 0)} for each in edges)


def test_day_that_the_calendar_left_out_does_not_begin() -> None:
    samoa = ZoneInfo("Pacific/Apia")
    span = TimeRange(datetime(2011, 12, 30), datetime(2012, 1, 1))  # noqa: DTZ001
    assert [f"{each:%d %H}" for each in bucket_starts(span, "day", samoa)] == ["29 10", "30 10", "31 10"]
    assert all(part.width > timedelta() for part in bucket_runs(span, "day", samoa))


def test_time_of_nothing_has_no_parts() -> None:
    moment = datetime(2026, 11, 23)  # noqa: DTZ001
    assert bucket_runs(TimeRange(moment, moment), "day", ZoneInfo("UTC")) == []
