"""What in a payload is a reading, and what is rejected with which words."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from broker.messages import MAX_PAYLOAD_BYTES, Reading, ReadingRow
from ingestor.decode.timestamps import parse_timestamp
from ingestor.delivery import Rejection
from tests import deliveries
from tests.deliveries import Checked, Valid

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC).replace(tzinfo=None)
GOOD: dict[str, object] = {
    "sensor_id": "S-1",
    "location": "Room 1",
    "value_kwh": 1.82,
    "timestamp": "2026-11-23T10:00:00.123Z",
    "sequence": 42,
}
TOPIC = "energy/readings/lari/S-1"
TIMESTAMP_FORMS = "timestamp: write it as 2026-11-23T10:00:00Z, or as Unix seconds without quotation marks"


def check(payload: bytes | str, topic: str = TOPIC, *, retain: bool = False) -> list[Checked]:
    encoded = payload.encode() if isinstance(payload, str) else payload
    return list(deliveries.check(deliveries.delivery(encoded, topic, retain=retain), NOW))


def rejection(payload: bytes | str, topic: str = TOPIC, *, retain: bool = False) -> Rejection:
    (only,) = check(payload, topic, retain=retain)
    assert isinstance(only, Rejection)
    return only


def but(**changes: object) -> str:
    return json.dumps(GOOD | changes)


def without(field: str) -> str:
    return json.dumps({name: value for name, value in GOOD.items() if name != field})


def test_good_reading_is_valid() -> None:
    (valid,) = check(json.dumps(GOOD))
    assert isinstance(valid, Valid)
    assert valid.reading["value_kwh"] == 1.82
    assert valid.timestamp == (NOW.replace(microsecond=123000), GOOD["timestamp"])
    assert valid.key == ("lari", "S-1")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", "not JSON: it is empty; send a reading as a JSON object"),
        ("hello", "not JSON: expected value at line 1 column 1"),
        (b"\xff", "not JSON: expected value at line 1 column 1"),
        (b"\xff\xfe", "not JSON: it is UTF-16; send UTF-8"),
        ("{}".encode("utf-16-be"), "not JSON: it is UTF-16; send UTF-8"),
        (
            b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
            "not JSON: it begins with a byte order mark; send UTF-8 without one",
        ),
        (gzip.compress(b"{}", mtime=0), "not JSON: it is compressed; send it as it is"),
        (
            "[{'sensor_id': 'S-1'}]",
            "not JSON: names and texts stand in single quotation marks; use double ones",
        ),
        (
            '{"value_kwh": 12,5}',
            "not JSON: a number has a decimal comma; write it with a point, as 12.5",
        ),
        ('{"sensor_id": "\\ud800"}', "not JSON: unexpected end of hex escape at line 1 column 22"),
        ("[" * 50_000, "not JSON: recursion limit exceeded at line 1 column 202"),
        ("null", "a reading is a JSON object"),
        ('"S-1"', "a reading is a JSON object"),
        ("[]", "an array holds 1 to 1,000 readings, this one 0"),
        ("[1]", "a reading is a JSON object"),
        (without("sensor_id"), "sensor_id is missing"),
        (without("value_kwh"), "value_kwh is missing"),
        (without("timestamp"), "timestamp is missing"),
        ("{}", "sensor_id is missing; value_kwh is missing; timestamp is missing"),
        (but(value_kwh="1.82"), "value_kwh is not a number; write it without quotation marks, as 12.5"),
        (but(value_kwh=None), "value_kwh is not a number; write it without quotation marks, as 12.5"),
        (but(value_kwh=True), "value_kwh is not a number; write it without quotation marks, as 12.5"),
        (but(value_kwh=[1]), "value_kwh is not a number; write it without quotation marks, as 12.5"),
        (but(value_kwh=float("nan")), "value_kwh is not a finite number"),
        (but(value_kwh=float("inf")), "value_kwh is not a finite number"),
        (but(value_kwh=-0.01), "value_kwh: should be greater than or equal to 0, not -0.01"),
        (but(value_kwh=1_000_000.5), "value_kwh: should be less than or equal to 1000000, not 1000000.5"),
        (
            but(timestamp="2026-11-23T10:00:00"),
            "timestamp has no UTC offset; write it as 2026-11-23T10:00:00Z",
        ),
        (
            but(timestamp="now"),
            f"{TIMESTAMP_FORMS}, not 'now'",
        ),
        (
            but(timestamp="1790000000"),
            f"{TIMESTAMP_FORMS}, not '1790000000'",
        ),
        (
            but(timestamp=None),
            f"{TIMESTAMP_FORMS}, not None",
        ),
        (
            but(timestamp=True),
            f"{TIMESTAMP_FORMS}, not True",
        ),
        (
            but(timestamp="1970-01-01T00:00:07Z"),
            "timestamp is before the year 2000; is the sensor's clock set?",
        ),
        (but(timestamp="0001-01-01T00:00:00+10:00"), "timestamp is outside of the years 1 to 9999"),
        (but(timestamp=1790000000000), "timestamp is not in Unix seconds; divide milliseconds by 1,000"),
        (
            but(timestamp="2026-13-23T10:00:00Z"),
            "timestamp is not a time (month value is outside expected range of 1-12); "
            "write it as 2026-11-23T10:00:00Z",
        ),
        (but(timestamp=7), "timestamp is before the year 2000; is the sensor's clock set?"),
        (
            but(timestamp="2026-11-23T12:00:00Z"),
            "timestamp 2026-11-23 12:00:00 UTC is 2:00:00 ahead of this ingestor's clock",
        ),
        (but(sensor_id="S-2"), "the topic says S-1, the payload says S-2"),
        (but(sensor_id=""), "sensor_id may have 1 to 64 letters, digits, dots, underscores and dashes"),
        (but(sensor_id="S-1\n"), "sensor_id may have 1 to 64 letters, digits, dots, underscores and dashes"),
        (but(sensor_id="S" * 65), "sensor_id may have 1 to 64 letters, digits, dots, underscores and dashes"),
        (but(sensor_id=1), "sensor_id is not a text; write it in quotation marks"),
        (but(location="x" * 201), "location: string should have at most 200 characters, not '" + "x" * 39),
        (but(location=7), "location is not a text; write it in quotation marks"),
        (but(sequence=-1), "sequence: should be greater than or equal to 0, not -1"),
        (but(sequence=1.5), "sequence is not a whole number; write it without quotation marks, as 42"),
        (but(sequence="42"), "sequence is not a whole number; write it without quotation marks, as 42"),
        (but(sequence=2**63), "sequence: should be less than 9223372036854775808, not 9223372036854775808"),
    ],
)
def test_bad_payload_is_rejected_with_a_reason(payload: bytes | str, reason: str) -> None:
    rejected = rejection(payload)
    assert rejected.reason == reason
    assert rejected.topic == TOPIC


def test_payload_of_a_megabyte_is_rejected_unread() -> None:
    rejected = rejection(b"x" * 1_000_000)
    assert (rejected.kind, len(rejected.payload)) == ("too_large", 1_000_000)
    assert rejected.reason == "the payload has 1,000,000 bytes; at most 65,536 are taken"


def test_largest_payload_is_read() -> None:
    (valid,) = check(json.dumps(GOOD).ljust(MAX_PAYLOAD_BYTES))
    assert isinstance(valid, Valid)


def test_retained_reading_is_rejected() -> None:
    assert rejection(json.dumps(GOOD), retain=True).kind == "retained"


@pytest.mark.parametrize(
    "topic", ["energy/readings/lari/S 1", "energy/readings//S-1", "energy/readings/l%/S-1"]
)
def test_topic_with_a_wrong_id_is_rejected(topic: str) -> None:
    assert rejection(json.dumps(GOOD), topic).kind == "topic"


def test_good_rows_of_an_array_survive_a_bad_one() -> None:
    rows = [GOOD, GOOD | {"value_kwh": float("nan"), "sequence": 7}, GOOD | {"value_kwh": 2.5}]
    first, second, third = check(json.dumps(rows))
    assert isinstance(first, Valid)
    assert isinstance(second, Rejection)
    assert isinstance(third, Valid)
    assert (second.row, second.sequence, second.reason) == (1, 7, "value_kwh is not a finite number")
    assert json.loads(second.payload)["sequence"] == 7
    assert (first.row, third.row, third.reading["value_kwh"]) == (0, 2, 2.5)


def test_array_of_1001_is_rejected_whole() -> None:
    tiny = "[" + ",".join(["{}"] * 1001) + "]"
    assert rejection(tiny).reason == "an array holds 1 to 1,000 readings, this one 1,001"


def test_unknown_fields_are_ignored() -> None:
    (valid,) = check(but(firmware="2.0", nested={"deep": [1, 2]}))
    assert isinstance(valid, Valid)


@pytest.mark.parametrize(("ahead_s", "kind"), [(300, Valid), (300.001, Rejection), (-3_600, Valid)])
def test_clock_may_be_five_minutes_ahead(ahead_s: float, kind: type) -> None:
    moment = (NOW.replace(tzinfo=UTC) + timedelta(seconds=ahead_s)).isoformat()
    (checked,) = check(but(timestamp=moment))
    assert isinstance(checked, kind)


@pytest.mark.parametrize("number", [0, -0.0, 1, 1e6, 1e-300])
def test_numbers_at_the_border_are_taken(number: float) -> None:
    (valid,) = check(but(value_kwh=number))
    assert isinstance(valid, Valid)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
near_readings = st.fixed_dictionaries(
    {},
    optional={
        "sensor_id": st.just("S-1") | json_values,
        "value_kwh": st.floats() | st.integers() | json_values,
        "timestamp": st.datetimes(timezones=st.timezones()).map(datetime.isoformat)
        | st.floats()
        | json_values,
        "location": st.text(max_size=210) | json_values,
        "sequence": st.integers() | json_values,
    },
)


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(payload: bytes) -> None:
    for checked in check(payload):
        assert isinstance(checked, Rejection)
        assert checked.reason.isprintable()


@given(near_readings | st.lists(near_readings, min_size=1, max_size=20) | json_values)
def test_anything_like_a_reading_gets_one_answer_per_row(content: object) -> None:
    checked = check(json.dumps(content))
    assert len(checked) == (len(content) if isinstance(content, list) and content else 1)
    for each in checked:
        if isinstance(each, Valid):
            assert 0 <= each.reading["value_kwh"] <= 1_000_000
            assert datetime(2000, 1, 1) <= each.timestamp[0] <= NOW + timedelta(minutes=5)  # noqa: DTZ001
            assert each.reading["sensor_id"] == "S-1"
        else:
            assert each.reason
            assert each.reason.isprintable()


def as_reading(payload: str) -> tuple[object, ...] | None:
    """What the model makes of a payload; None if it rejects it."""
    try:
        reading = Reading.model_validate_json(payload)
        moment = reading.timestamp.astimezone(UTC).replace(tzinfo=None)
    except (ValidationError, OverflowError):
        return None
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return reading.sensor_id, reading.value_kwh, moment, reading.location, reading.sequence


def as_row(payload: str) -> tuple[object, ...] | None:
    """What the ingestor's quick way makes of it."""
    try:
        row = TypeAdapter(ReadingRow).validate_json(payload)
        moment, _ = parse_timestamp(row["timestamp"])
    except (ValueError, OverflowError):
        return None
    return row["sensor_id"], row["value_kwh"], moment, row.get("location"), row.get("sequence")


@given(near_readings)
def test_quick_way_takes_what_the_model_takes(content: object) -> None:
    assert as_row(json.dumps(content)) == as_reading(json.dumps(content))


@given(st.from_regex(r"\A[0-9]{4}-[0-9W][0-9]-[0-9][0-9][T ][0-9:.,]{12}[Z+]\Z") | st.datetimes().map(str))
def test_quick_way_takes_the_times_that_the_model_takes(written: str) -> None:
    assert as_row(but(timestamp=written)) == as_reading(but(timestamp=written))


@pytest.mark.parametrize(
    ("written", "stamp"),
    [
        ("2026-11-23T10:00:00.123Z", "2026-11-23T10:00:00.123Z"),
        ("2026-11-23T11:00:00.123456+01:00", "2026-11-23T10:00:00.123Z"),
        ("2026-11-23T10:00Z", "2026-11-23T10:00:00.000Z"),
        (1795428000.1239, "2026-11-23T10:00:00.123Z"),
    ],
)
def test_time_is_kept_in_one_form(written: str | float, stamp: str) -> None:
    moment, kept = parse_timestamp(written)
    assert kept == stamp
    assert moment.isoformat(timespec="milliseconds") + "Z" == stamp


@pytest.mark.parametrize(
    "written",
    [
        "2026-13-23T10:00:00.123Z",
        "2026-W48-1T10:00:00.123Z",
        "2026-11-27T09:00:00.+23Z",
        "2026-11-27T09:00:00.-01Z",
        "x" * 24,
    ],
)
def test_what_only_looks_like_a_time_is_none(written: str) -> None:
    with pytest.raises(ValueError, match=r"date|month|valid"):
        parse_timestamp(written)
