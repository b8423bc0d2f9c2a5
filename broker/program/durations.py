"""How long something takes or took, as people read it."""

from datetime import timedelta

UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def format_duration(time: timedelta, *, units: int | None = None, glue: str = " ") -> str:
    """Write a duration: ``3 h 12 min``, ``2 d``, ``45 s``, ``1.5 ms``.

    Args:
        time: The duration; a negative one counts as none.
        units: From the largest unit on, how many are written, in whole numbers; None for all, exactly.
        glue: What stands between a number and its unit.
    """
    seconds: float = time.total_seconds() if units is None else round(time.total_seconds())
    if seconds < 1:
        milliseconds = max(time, timedelta(0)) / timedelta(milliseconds=1)
        return f"{milliseconds:.9g}{glue}ms" if units is None else f"{milliseconds:.0f}{glue}ms"
    amounts: list[tuple[float, str]] = []
    for unit, unit_s in UNITS:
        whole = seconds if unit_s == 1 else seconds // unit_s
        if whole or amounts:
            amounts.append((whole, unit))
        seconds -= whole * unit_s
    return " ".join(f"{round(amount, 6):,.10g}{glue}{unit}" for amount, unit in amounts[:units] if amount)
