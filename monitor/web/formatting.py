"""Energies, powers and times as pages write them."""

from datetime import UTC, datetime, tzinfo

from monitor.formatting import format_number

KILO = 1000.0


def format_energy(kwh: float) -> str:
    """Format an energy with a fitting unit: ``0.0033 kWh``, ``1.82 kWh``, ``1,234 kWh``, ``12.3 MWh``."""
    return _scaled(kwh, ("kWh", "MWh", "GWh"))


def format_power(kw: float | None) -> str:
    """Format a power with a fitting unit; a dash if it is unknown."""
    return "—" if kw is None else _scaled(kw, ("kW", "MW", "GW"))


def _scaled(value: float, units: tuple[str, ...]) -> str:
    unit = 0
    while value >= 10 * KILO and unit < len(units) - 1:
        value, unit = value / KILO, unit + 1
    if value < 1:
        return f"{format_number(value)} {units[unit]}"
    digits = 2 if value < 10 else 1 if value < 1000 else 0  # noqa: PLR2004 - places after the point
    return f"{value:,.{digits}f} {units[unit]}"


def format_clock(moment: datetime, zone: tzinfo, *, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Format a document's time in a time zone; without the day if it is today."""
    local = moment.replace(tzinfo=UTC).astimezone(zone)
    if local.date() == datetime.now(zone).date():
        form = form.removeprefix("%Y-%m-%d ")
    return local.strftime(form)


def chart_ms(moment: datetime, zone: tzinfo) -> int:
    """A document's time for a chart in UTC that is to show the clocks of a time zone, milliseconds."""
    local = moment.replace(tzinfo=UTC).astimezone(zone)
    return round(local.replace(tzinfo=UTC).timestamp() * 1000)
