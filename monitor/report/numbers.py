"""Numbers as a report writes them."""


def format_kwh(value: float, most: float | None = None) -> str:
    """Write an energy, kWh: ``1.82``, ``123.4``, ``12,345``.

    Args:
        value: How much.
        most: The highest of those it stands among: all have as many places after the point.
    """
    most = value if most is None else most
    digits = 2 if most < 10 else 1 if most < 10_000 else 0  # noqa: PLR2004 - places after the point
    return f"{value:,.{digits}f}"


def format_share(part: float, whole: float) -> str:
    """Write how much of all something is: ``12.5 %``."""
    return f"{part / whole:.1%}".replace("%", " %") if whole else ""


def format_change(after: float, before: float) -> str:
    """Write how much more something is than before: ``+5.2 %``."""
    if not before:
        return "as before" if not after else "from 0"
    percent = (after / before - 1) * 100
    return f"{percent:+,.{1 if abs(percent) < 1000 else 0}f} %"  # noqa: PLR2004 - places after the point
