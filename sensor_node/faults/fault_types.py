"""The kinds of faults: what each does, and its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class FaultType:
    """A kind of fault: its meaning, its parameters with defaults, and whether it strikes a whole node."""

    meaning: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    of_node: bool = False


FAULT_TYPES: Mapping[str, FaultType] = {
    "peak": FaultType("one reading is many times too high", {"factor": 8.0}),
    "drift": FaultType("readings grow, up to a factor", {"factor": 1.5, "length": 20}),
    "stuck": FaultType("the value is repeated", {"length": 10}),
    "gap": FaultType(
        "readings are not sent; with backfill, they are sent at the end of the gap",
        {"length": 10, "backfill": False},
    ),
    "duplicate": FaultType("a reading is sent more than once", {"copies": 2}),
    "reorder": FaultType("a reading arrives after later readings", {"length": 2}),
    "clock-skew": FaultType(
        "the clock drifts, then is corrected", {"by": timedelta(seconds=-90), "length": 20}
    ),
    "clock-jump": FaultType("the clock is wrong for a while", {"by": timedelta(hours=1), "length": 5}),
    "naive-time": FaultType("the timestamp has no offset"),
    "wrong-unit": FaultType("Wh are sent as kWh"),
    "nan": FaultType("the value is NaN"),
    "truncated": FaultType("the payload is truncated"),
    "oversized": FaultType("the payload is larger than 64 KiB"),
    "counter-reset": FaultType("the register restarts at zero"),
    "transient-zero": FaultType("one register reading (or value) is zero"),
    "reboot": FaultType("the node is off and measures nothing", {"away": timedelta(seconds=8)}, of_node=True),
    "flapping": FaultType(
        "the node loses its connection repeatedly",
        {"copies": 4, "away": timedelta(seconds=1)},
        of_node=True,
    ),
    "silence": FaultType("the meter is not read for a while", {"length": 15}),
    "storm": FaultType("a reading is sent hundreds of times", {"copies": 500}),
}
FAULT_PARAMETERS = ("factor", "by", "length", "copies", "away", "backfill")
