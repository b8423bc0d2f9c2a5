"""What comes of a sensor while its rules are evaluated again: little is kept, and nothing is forgotten."""

from datetime import UTC, datetime, timedelta

from broker.messages import ReadingRow
from broker.topics import SensorKey
from ingestor.alarms.evaluation.meanwhile import Meanwhile
from ingestor.documents import LATE_AFTER, Measure, format_timestamp, to_measure
from tests.fault_points import ingestor

SINCE = datetime(2026, 11, 23, tzinfo=UTC).replace(tzinfo=None)
BEFORE = SINCE - timedelta(days=1)


def measure(second: int, late: timedelta = timedelta(0)) -> Measure:
    at = SINCE + timedelta(seconds=second)
    stamp = format_timestamp(at)
    row = ReadingRow(sensor_id="S-1", value_kwh=1.0, timestamp=stamp)
    return to_measure(row, SensorKey("a", "S-1"), (at, stamp), None, at + late)


def test_what_will_be_found_is_not_kept() -> None:
    meanwhile = Meanwhile(SINCE)
    for each in (measure(-1), measure(3)):
        meanwhile.add(each)
    meanwhile.before_page()
    meanwhile.on_page([measure(0), measure(5)], BEFORE)
    for each in (measure(2), measure(5), measure(9)):
        meanwhile.add(each)
    meanwhile.before_page()
    assert meanwhile.unseen() == ([], [measure(-1), measure(2)])
    assert meanwhile.oldest == measure(-1)["timestamp"]


def test_what_was_found_and_comes_later_is_known() -> None:
    meanwhile = Meanwhile(SINCE)
    meanwhile.on_page([measure(0), measure(5), measure(6)], measure(0)["received_at"])
    meanwhile.add(measure(5))
    ahead = meanwhile.ahead(measure(5)["received_at"])
    assert ahead is not None
    assert (ahead.times, ahead.until) == ({measure(6)["timestamp"]}, measure(6)["received_at"])
    assert meanwhile.ahead(measure(6)["received_at"]) is None
    assert meanwhile.unseen() == ([], [])


def test_late_readings_count_once_and_only_from_the_moment_on() -> None:
    meanwhile, late = Meanwhile(SINCE), 2 * LATE_AFTER
    meanwhile.on_page([measure(0), measure(5)], BEFORE)
    for second in (-1, 1):
        meanwhile.add(measure(second, late))
    assert meanwhile.unseen() == ([measure(1, late)], [])


def test_beyond_the_bound_the_oldest_is_remembered() -> None:
    meanwhile = Meanwhile(SINCE)
    with ingestor.MOST_KEPT_MEANWHILE.replace(2):
        meanwhile.on_page([measure(10)], BEFORE)
        for second in (5, 4, 3, 2, 6):
            meanwhile.add(measure(second))
        assert len(meanwhile.unseen()[1]) == 2
        assert meanwhile.missed == meanwhile.oldest == measure(2)["timestamp"]
        meanwhile.before_page()
        assert meanwhile.missed is not None
        meanwhile = Meanwhile(SINCE)
        for second in (1, 2, 3, 4):
            meanwhile.add(measure(second))
        meanwhile.before_page()
        assert meanwhile.missed is None, "it will be found"
