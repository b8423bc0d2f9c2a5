"""What views that go on know of the sensors."""

import time
import tracemalloc
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.documents import Measure, SensorDocument, format_timestamp, measure_id, utc_now
from monitor.live.live_sensor import LiveSensor
from monitor.live.sensor_cache import SensorCache
from monitor.queries.database import open_database

NOW = utc_now().replace(microsecond=0)
NOWHERE = "mongodb://127.0.0.1:9/energy_db"


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def measure(seconds: float, value_kwh: float = 1.0, *, sensor_id: str = "S-1", **extra: object) -> Measure:
    made: Measure = {
        "_id": measure_id(sensor_id, format_timestamp(at(seconds))),
        "sensor_id": sensor_id,
        "site": "lari",
        "location": "Room 1",
        "value_kwh": value_kwh,
        "timestamp": at(seconds),
        "is_anomaly": False,
        "status_message": "",
        "received_at": at(seconds),
    }
    return {**made, **extra}  # type: ignore[typeddict-item]  # a test changes what it likes


def sensor(*measures: Measure, **listed: object) -> LiveSensor:
    one = LiveSensor("S-1")
    if listed:
        document: SensorDocument = {"sensor_id": "S-1", **listed}  # type: ignore[typeddict-item]  # as above
        one.update(document)
    one.add(measures)
    return one


def test_sensor_shows_its_newest_reading() -> None:
    one = sensor(measure(-10, 3.0), measure(0, 15.0, is_anomaly=True, threshold_kwh=12.0))
    assert (one.value_kwh, one.last_seen_at, one.is_anomaly) == (15.0, NOW, True)
    assert (one.site, one.location, one.threshold_kwh) == ("lari", "Room 1", 12.0)
    assert one.recent_kwh == [3.0, 15.0]


def test_late_reading_finds_its_place_and_does_not_replace_a_newer_one() -> None:
    one = sensor(measure(-20, 1.0), measure(0, 3.0))
    one.add([measure(-10, 99.0, is_anomaly=True, location="elsewhere")])
    assert (one.value_kwh, one.is_anomaly, one.location) == (3.0, False, "Room 1")
    assert one.recent_kwh == [1.0, 99.0, 3.0]


@given(st.lists(st.integers(-1000, 0), max_size=80))
def test_last_thirty_readings_are_kept_in_order_however_they_come(seconds: list[int]) -> None:
    one = sensor(*(measure(each, -each) for each in seconds))
    newest = sorted(set(seconds))[-30:]
    assert one.recent_kwh == [-each for each in newest]
    assert one.last_seen_at == (at(newest[-1]) if newest else None)


def test_place_and_threshold_set_by_a_person_win() -> None:
    one = sensor(
        measure(0, 15.0, threshold_kwh=12.0), location="Room 1", own_location="Lab", threshold_kwh=20.0
    )
    assert (one.location, one.threshold_kwh) == ("Lab", 20.0)
    one.update({"sensor_id": "S-1", "location": "Room 1"})
    assert (one.location, one.threshold_kwh) == ("Room 1", 12.0)


@pytest.mark.parametrize(
    "spoiled", [{"location": 5}, {"own_location": {"a": 1}}, {"status": [1]}, {"threshold_kwh": "much"}]
)
def test_what_is_no_text_and_no_number_is_not_taken_over(spoiled: SensorDocument) -> None:
    one = sensor(measure(0, 1.0), location="Room 1", threshold_kwh=20.0)
    with pytest.raises((TypeError, ValueError)):
        one.update({"sensor_id": "S-1", **spoiled})
    assert (one.location or "").isprintable()
    assert one.threshold_kwh in {None, 20.0}


@pytest.mark.parametrize("spoiled", [{"value_kwh": "much"}, {"location": 5}, {"site": None}])
def test_spoiled_reading_leaves_the_others_as_they_are(spoiled: Measure) -> None:
    one = sensor(measure(-20, 1.0), measure(-10, 2.0))
    with pytest.raises((TypeError, ValueError)):
        one.add([{**measure(0, 3.0), **spoiled}])
    one.add([measure(10, 4.0)])
    assert one.recent_kwh == [1.0, 2.0, 4.0]


def test_power_is_the_last_reading_by_the_time_since_the_one_before() -> None:
    one = sensor(measure(-60, 1.0), measure(-40, 1.0), measure(0, 0.5))
    assert one.power_kw(NOW) == pytest.approx(0.5 * 3600 / 40)


def test_power_of_the_first_known_reading_goes_by_the_learned_interval() -> None:
    assert sensor(measure(0, 0.5)).power_kw(NOW) is None
    assert sensor(measure(0, 0.5), interval_s=10.0).power_kw(NOW) == pytest.approx(180)


def test_gap_in_which_readings_were_missed_is_no_measure_of_power() -> None:
    one = sensor(measure(-60, 1.0), interval_s=10.0)
    one.add([measure(0, 0.5)], after_hole=True)
    assert one.power_kw(NOW) == pytest.approx(180)
    one.load([measure(-20, 1.0), measure(0, 0.5)])
    assert one.power_kw(NOW) == pytest.approx(90)


@pytest.mark.parametrize(
    ("interval_s", "stale_after_s"), [(1.0, 10), (60.0, 180), (None, 600)], ids=["quick", "slow", "unknown"]
)
def test_sensor_is_stale_after_three_intervals(interval_s: float | None, stale_after_s: float) -> None:
    listed: dict[str, object] = {"interval_s": interval_s} if interval_s else {"site": "lari"}
    one = sensor(measure(0), **listed)
    assert one.state(at(stale_after_s)) == "online"
    assert one.state(at(stale_after_s + 0.1)) == "stale"
    assert one.power_kw(at(stale_after_s + 0.1)) is None


def test_interval_that_nobody_learned_is_the_median_of_the_gaps() -> None:
    assert sensor(*(measure(each) for each in (-300, -80, -60, -40, -20, 0))).interval_s == 20


def test_sensor_that_never_sent_is_stale() -> None:
    one = sensor(site="lari", status="online")
    assert one.state(NOW) == "stale"
    assert (one.value_kwh, one.last_seen_at) == (None, None)


def test_sensor_whose_value_is_not_known_here_is_heard_all_the_same() -> None:
    one = sensor(last_reading=NOW, interval_s=10.0)
    assert one.state(at(5)) == "online"
    assert one.last_seen_at == NOW


async def test_sums_count_every_sensor_once() -> None:
    async with open_database(NOWHERE) as database:
        fleet = SensorCache(database)
        fleet.sensors = {
            "heard": sensor(measure(-10), measure(0, 1.0, is_anomaly=True)),
            "quick": sensor(measure(-10), measure(0, 2.0)),
            "quiet": sensor(measure(-1010), measure(-1000)),
            "gone": sensor(status="offline", last_reading=NOW),
        }
        sums = fleet.totals(NOW)
    assert sums.power_kw == pytest.approx(3.0 * 360)
    assert (sums.sensors, sums.online, sums.stale, sums.offline, sums.anomalies) == (4, 2, 1, 1, 1)


def test_hundred_thousand_sensors_take_little_memory_and_time() -> None:
    # A thousandth of it is measured, so that the test is quick.
    tracemalloc.start()
    fleet = [LiveSensor(f"S-{number}") for number in range(100)]
    measures = [measure(10 * number) for number in range(-40, 0)]
    began_s = time.process_time()
    for one in fleet:
        for each in measures:
            one.add((each,))
    took_s = time.process_time() - began_s
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / 100 < 1500
    assert took_s / 4000 < 200e-6
