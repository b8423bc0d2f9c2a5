"""Lines of the live view."""

from datetime import UTC, datetime
from unicodedata import east_asian_width

import pytest

from ingestor.documents import Measure, to_measure
from monitor.cli.watch import reading_line
from tests.unit.test_ingestor import PLACE, reading, written

MOMENT = datetime(2026, 11, 23, 10, 0, 0, 123000)  # noqa: DTZ001


def measure(value_kwh: float, location: str | None) -> Measure:
    made = to_measure(reading(value_kwh), PLACE, written(MOMENT), 12.0 if value_kwh > 12 else None, MOMENT)
    return {**made, "location": location}


def columns(text: str) -> int:
    return sum(2 if east_asian_width(character) == "W" else 1 for character in text)


def test_lines_people_know() -> None:
    normal = reading_line(measure(1.82, "LARI Research Lab"), 200, UTC)
    assert normal == "10:00:00 🟢 Consumption is normal. 1.82 kWh, LARI Research Lab, S-1"
    alert = reading_line(measure(12.24, "LARI Research Lab"), 200, UTC)
    assert alert == (
        "10:00:00 🔴 ALERT: High consumption detected! (12.24 kWh > 12.0 kWh) "
        "Action required: LARI Research Lab, S-1"
    )


def test_reading_without_a_location_names_the_sensor() -> None:
    assert reading_line(measure(1.82, None), 80, UTC) == "10:00:00 🟢 Consumption is normal. 1.82 kWh, S-1"


@pytest.mark.parametrize("value_kwh", [1.82, 12.24, 13.0])
@pytest.mark.parametrize("length", range(60))
def test_line_is_broken_before_it_is_wider_than_80_columns(value_kwh: float, length: int) -> None:
    line = reading_line(measure(value_kwh, "x" * length), 80, UTC)
    first, *rest = line.split("\n")
    assert columns(first) <= 80
    if len(rest) == 0:
        assert columns(line) <= 80
    else:
        assert columns(f"{first} {rest[0].strip()}") > 80
        assert rest[0].startswith(" " * 12)


def test_hostile_location_cannot_steer_the_terminal() -> None:
    line = reading_line(measure(1.82, "\x1b]0;owned\x07\u202egnp.exe\n🟢 fake"), 200, UTC)
    assert line == (
        r"10:00:00 🟢 Consumption is normal. 1.82 kWh, \u001b]0;owned\u0007\u202egnp.exe\n🟢 fake, S-1"
    )
