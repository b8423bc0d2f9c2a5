"""Topics, messages and addresses: what both sides must agree on."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from broker.address import MqttAddress, client_id
from broker.messages import NodeStatus, Reading, Receipt, format_timestamp, numbered_sensor_ids, to_ranges
from broker.topics import SensorId, SensorKey, TopicRoot, Topics


def test_topics_are_those_of_the_contract() -> None:
    topics = Topics("energy")
    assert topics.readings("lari", "S-1") == "energy/readings/lari/S-1"
    assert topics.status("lari", "S-1") == "energy/status/lari/S-1"
    assert topics.stored("lari", "S-1") == "energy/stored/lari/S-1"
    assert topics.alerts("lari", "S-1") == "energy/alerts/lari/S-1"
    assert topics.rejected(SensorKey("lari", "S-1")) == "energy/rejected/lari/S-1"
    assert topics.ingestors("main") == "energy/ingestors/main"
    assert topics.readings("+", "+") == "energy/readings/+/+"
    assert topics.status("lari", "+") == "energy/status/lari/+"


levels = st.text().filter(lambda text: "/" not in text)


@given(levels, levels)
def test_rejected_topic_gives_back_any_place(site: str, name: str) -> None:
    topics = Topics("deep/root")
    place = topics.sensor_key(f"deep/root/readings/{site}/{name}")
    assert topics.rejected(place) == f"deep/root/rejected/{site}/{name}"


@pytest.mark.parametrize("good", ["a", "Sensor-LARI-01", "0", "a.b_c-d", "x" * 64])
def test_good_ids(good: str) -> None:
    assert TypeAdapter(SensorId).validate_python(good) == good


@pytest.mark.parametrize(
    "bad", ["", "-a", ".a", "a/b", "a+", "#", "a b", "a\n", "ä", "x" * 65, "\u202ea", "$a"]
)
def test_bad_ids(bad: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(SensorId).validate_python(bad)
    with pytest.raises(ValidationError):
        TypeAdapter(TopicRoot).validate_python(bad if "/" not in bad else "a//b")


@given(st.lists(st.integers(0, 60)))
def test_ranges_hold_exactly_the_numbers(numbers: list[int]) -> None:
    ranges = to_ranges(numbers)
    assert {number for first, last in ranges for number in range(first, last + 1)} == set(numbers)
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(ranges))


def test_ranges_of_the_contract() -> None:
    assert to_ranges([12, *range(10, 0, -1)]) == [(1, 10), (12, 12)]
    assert Receipt.model_validate_json('{"sequences": [[1, 10], [12, 12]]}').sequences == [(1, 10), (12, 12)]


def test_sensors_count_up_from_the_first() -> None:
    assert numbered_sensor_ids("Sensor-LARI-01", 3) == ["Sensor-LARI-01", "Sensor-LARI-02", "Sensor-LARI-03"]
    assert numbered_sensor_ids("S-99", 2) == ["S-99", "S-100"]
    assert numbered_sensor_ids("Lab", 3) == ["Lab", "Lab-2", "Lab-3"]


def test_time_is_utc_to_the_millisecond() -> None:
    moment = datetime(2026, 11, 23, 15, 30, 0, 123999, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert format_timestamp(moment) == "2026-11-23T10:00:00.123Z"


def test_reading_goes_over_the_wire_and_back() -> None:
    reading = Reading(
        sensor_id="S-1", value_kwh=1.82, timestamp=datetime(2026, 11, 23, 10, 0, tzinfo=UTC), sequence=42
    )
    sent = reading.model_dump_json(exclude_none=True)
    assert sent == (
        '{"sensor_id":"S-1","value_kwh":1.82,"timestamp":"2026-11-23T10:00:00.000Z","sequence":42}'
    )
    assert Reading.model_validate_json(sent) == reading


def test_offline_status_is_the_bare_one_of_the_contract() -> None:
    assert NodeStatus(state="offline").model_dump_json(exclude_none=True) == '{"state":"offline"}'


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("mqtt://localhost", ("localhost", 1883, False, None, None)),
        ("mqtts://u:p%40ss@broker", ("broker", 8883, True, "u", "p@ss")),
        ("mqtt://u@10.0.0.1:9", ("10.0.0.1", 9, False, "u", None)),
    ],
)
def test_good_urls(url: str, parts: tuple[object, ...]) -> None:
    address = MqttAddress.parse(url)
    assert (address.host, address.port, address.tls, address.user, address.password) == parts


@pytest.mark.parametrize(
    "url", ["", "localhost", "http://localhost", "mqtt://", "mqtt://h:99999", "mqtt://h:x", "mqtt://h/topic"]
)
def test_bad_urls_are_rejected_without_being_shown(url: str) -> None:
    with pytest.raises(ValueError, match=r"^write the URL as mqtt://user:password@host:port"):
        MqttAddress.parse(url)


def test_address_does_not_show_the_password() -> None:
    address = MqttAddress.parse("mqtt://user:hunter2@host")
    assert "hunter2" not in f"{address} {address!r}"


def test_client_id_is_the_same_each_time_and_needs_the_password() -> None:
    mine, other = MqttAddress.parse("mqtt://u:mine@h"), MqttAddress.parse("mqtt://u:other@h")
    assert client_id("ingestor", mine) == client_id("ingestor", mine)
    assert client_id("ingestor", mine) != client_id("ingestor", other)
    assert client_id("ingestor", mine).startswith("ingestor-")
    assert "mine" not in client_id("ingestor", mine)
