"""Fields that a reading gives twice are found however they are written, and nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.decode.duplicate_keys import FIELDS, find_duplicate_keys
from ingestor.delivery import Rejection
from tests.deliveries import Valid
from tests.unit.test_energy_json import GOOD, check

REST = '"sensor_id": "S-1", "timestamp": "2026-11-23T10:00:00.123Z"'
TWICE = [
    f'{{"value_kwh": 1, "value_kwh": 99, {REST}, "sequence": 4}}',
    f'{{"value_kwh": 1, "value_kwh": 1, {REST}, "sequence": 4}}',
    f'{{"value_kwh": 1, "value\\u005fkwh" :\n99, {REST}, "sequence": 4}}',
    f'{{"\\u0076alue_kwh": "x", "unknown": [{{}}], "value_kwh": 9, {REST}, "sequence": 4}}',
]


@pytest.mark.parametrize("payload", TWICE)
def test_reading_that_gives_its_value_twice_is_rejected(payload: str) -> None:
    (rejected,) = check(payload)
    assert isinstance(rejected, Rejection)
    assert (rejected.kind, rejected.reason) == ("invalid", "value_kwh is given twice")
    assert (rejected.payload, rejected.sequence) == (payload.encode(), 4)


@pytest.mark.parametrize("payload", TWICE)
def test_neighbours_of_a_row_that_gives_its_value_twice_are_valid(payload: str) -> None:
    good = json.dumps(GOOD)
    first, second, third = check(f" [{good},\t{payload} , {good}\n]")
    assert isinstance(first, Valid)
    assert isinstance(third, Valid)
    assert isinstance(second, Rejection)
    assert (second.reason, second.row, second.sequence) == ("value_kwh is given twice", 1, 4)
    assert second.payload == payload.encode()


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_counts(field: str) -> None:
    again = json.dumps({field: GOOD[field]})[1:-1]
    (rejected,) = check(f"{json.dumps(GOOD)[:-1]}, {again}}}")
    assert isinstance(rejected, Rejection)
    assert rejected.reason == f"{field} is given twice"
    assert rejected.sequence == (None if field == "sequence" else 42)


def test_sequence_that_is_given_twice_is_confirmed_to_nobody() -> None:
    (rejected,) = check(f'{{"value_kwh": 1, "value_kwh": 2, "sequence": 1, "sequence": 2, {REST}}}')
    assert isinstance(rejected, Rejection)
    assert rejected.sequence is None


@pytest.mark.parametrize(
    "more",
    [
        '"location": "\\"value_kwh\\""',
        '"location": "\\u0022value_kwh\\u0022: 1"',
        '"location": "value_kwh"',
        '"firmware": {"value_kwh": 1, "value_kwh": 2}',
        '"firmware": [{"value_kwh": 1}, "value_kwh"]',
        '"firmware": 1, "firmware": 2',
        '"Value_kwh": 1',
    ],
)
def test_what_only_looks_like_it_is_taken(more: str) -> None:
    (valid,) = check(f'{{"value_kwh": 1, {REST}, {more}}}')
    assert isinstance(valid, Valid)
    (row,) = check(f'[{{"value_kwh": 1, {REST}, {more}}}]')
    assert isinstance(row, Valid)


def test_row_that_has_none_hides_no_row_that_has_two() -> None:
    good = f'{{"value_kwh": 1, {REST}}}'
    rows = [good, good, f'{{"value_kwh": 1, {REST}, "sequence": 1, "sequence": 2}}']
    assert [type(each) for each in check(f"[{','.join(rows)}]")] == [Valid, Valid, Rejection]


members = st.lists(
    st.tuples(
        st.sampled_from(("sensor_id", "value_kwh", "timestamp", "location", "sequence", "x")),
        st.sampled_from(('"S-1"', "1", '"2026-11-23T10:00:00.123Z"', "1795428000.5", "null", '"\\""', "[1]")),
    ),
    min_size=3,
    max_size=7,
)


@given(st.lists(members, min_size=1, max_size=4))
def test_quick_look_misses_nothing(rows: list[list[tuple[str, str]]]) -> None:
    """Whatever the quick way lets pass, the slow one finds nothing in it."""
    texts = ["{" + ",".join(f'"{name}":{value}' for name, value in row) + "}" for row in rows]
    for place, checked in enumerate(check(f"[{','.join(texts)}]")):
        names = [name for name, _ in rows[place]]
        is_doubtful = any(names.count(field) > 1 for field in FIELDS)
        assert (None in find_duplicate_keys(texts[place].encode())) is is_doubtful
        if is_doubtful:
            assert isinstance(checked, Rejection)
            assert checked.reason.endswith(" is given twice")
