"""What docs/security.md promises, and whether it was kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.attack.gauge import MIB, Gauge

CONFIGURATION = Path(__file__).parent.parent.parent / "mosquitto.conf"
ONE_DAY_S = 86_400.0
HEADINGS = ("attack", "stored s", "answer s", "ingestor", "broker", "page MiB", "disk MiB")
WIDTHS = (14, 9, 9, 9, 8, 9, 9)


def broker_limit_mib() -> float:
    """The ``memory_limit`` of mosquitto.conf and a tenth, MiB: it does not count what the allocator adds."""
    found = re.search(r"^memory_limit (\d+)$", CONFIGURATION.read_text(), re.MULTILINE)
    return int(found[1]) * 1.1 / MIB if found else float("inf")


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one attacker may cost.

    Attributes:
        stored_s: A neighbour's wait until its reading is stored, seconds. After an outage of the database it
            waits for what came meanwhile, however long that takes, but not for ever.
        memory_mib: The memory of each process, MiB.
    """

    stored_s: float
    memory_mib: Mapping[str, float]

    @classmethod
    def promised(cls) -> "Limits":
        """Those of docs/security.md."""
        return cls(2.0, {"ingestor": 300.0, "broker": broker_limit_mib(), "page": 400.0})

    def exceeded(self, gauge: Gauge) -> list[str]:
        """What was more than promised, in words."""
        found = []
        if not gauge.readings:
            found.append("no reading of a neighbour was stored")
        stored_s = ONE_DAY_S if gauge.had_outage else self.stored_s
        if gauge.stored_s > stored_s:
            found.append(f"a neighbour waited {gauge.stored_s:.1f} s, more than {stored_s:g}")
        found += [
            f"the {name} took {gauge.memory_mib.get(name, 0):.0f} MiB, more than {limit:.0f}"
            for name, limit in self.memory_mib.items()
            if gauge.memory_mib.get(name, 0) > limit
        ]
        return found

    def line(self) -> str:
        """Them, as a line of the table."""
        memory = [f"{self.memory_mib[name]:.0f}" for name in ("ingestor", "broker", "page")]
        return table_line("at most", f"{self.stored_s:g}", "", *memory, "")


def table_line(*cells: str) -> str:
    """A line of the table."""
    first, *rest = cells
    return first.ljust(WIDTHS[0]) + "".join(
        cell.rjust(width) for cell, width in zip(rest, WIDTHS[1:], strict=True)
    )


def measured_line(name: str, gauge: Gauge) -> str:
    """What was measured during an attack, as a line of the table."""
    memory = [f"{gauge.memory_mib.get(each, 0):.0f}" for each in ("ingestor", "broker", "page")]
    return table_line(
        name, f"{gauge.stored_s:.1f}", f"{gauge.answered_s:.1f}", *memory, f"{gauge.disk_mib:.0f}"
    )
