"""How readings are written: as large ones always were, and small ones not as nothing."""

import pytest

from monitor.formatting import format_number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (12.0, "12.00"),
        (12.345, "12.35"),
        (1234.5, "1,234.50"),
        (0.1, "0.10"),
        (0.0999, "0.100"),
        (0.05, "0.050"),
        (0.0033, "0.0033"),
        (0.000_123, "0.00012"),
        (0.000_001, "0.000001"),
        (0.000_000_6, "0.000001"),
        (0.000_000_4, "0.00"),
        (1e-300, "0.00"),
        (5e-324, "0.00"),
    ],
)
def test_reading_is_written_with_as_many_places_as_it_needs(value: float, text: str) -> None:
    assert format_number(value) == text


def test_no_reading_that_a_register_can_tell_looks_like_nothing() -> None:
    shown = [float(format_number(watt_hours / 1000)) for watt_hours in range(1, 500)]
    for watt_hours, value_kwh in enumerate(shown, 1):
        assert value_kwh == pytest.approx(watt_hours / 1000, rel=0.05)
