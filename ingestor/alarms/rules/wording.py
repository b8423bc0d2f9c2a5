"""Numbers and units in the sentences that explain rules."""

from datetime import timedelta

from broker.program.durations import format_duration

NTH = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
# Between a number and its unit, where no line ends.
GLUE = "\u00a0"


def many(count: int, one: str, more: str) -> str:
    """``1 reading``, ``2 readings``."""
    return f"{count}{GLUE}{one if count == 1 else more}"


def nth(count: int) -> str:
    """``first``, ``22nd``."""
    if count <= len(NTH):
        return NTH[count - 1]
    ending = "th" if count % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"


def kwh(value: float) -> str:
    """``9.5 kWh``."""
    return f"{float(value)}{GLUE}kWh"


def span(time: timedelta) -> str:
    """``1 h 30 min``."""
    return format_duration(time, glue=GLUE)


def below(deadband_kwh: float, what: str) -> str:
    """How low a reading must be to clear an alarm."""
    return f"at least {kwh(deadband_kwh)} below the {what}" if deadband_kwh else f"at or below the {what}"


def limit(value_kwh: float) -> str:
    """The setting ``limit_kwh`` of a site or a sensor."""
    return f"the limit is {kwh(value_kwh)}"
