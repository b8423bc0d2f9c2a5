"""Durations as people read them."""

from datetime import timedelta

import pytest

from broker.program.durations import format_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0015, "1.5 ms"),
        (90, "1 min 30 s"),
        (5400, "1 h 30 min"),
        (86_341.5, "23 h 59 min 1.5 s"),
        (129_600, "1 d 12 h"),
    ],
)
def test_duration_is_written_exactly(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 ms"),
        (0.5, "500 ms"),
        (59.6, "1 min"),
        (3700, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (86_700, "1 d"),
        (1e8, "1,157 d 9 h"),
    ],
)
def test_largest_units_are_enough(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds), units=2) == text
    assert (
        format_duration(timedelta(seconds=seconds), units=1)
        == text.split(" ", maxsplit=1)[0] + " " + text.split(" ")[1]
    )


def test_number_and_unit_stay_together() -> None:
    assert format_duration(timedelta(minutes=90), glue="\u00a0") == "1\u00a0h 30\u00a0min"
