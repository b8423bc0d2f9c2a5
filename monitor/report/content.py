"""What stands in a report, in order: texts and numbers, whatever they are shown on.

Texts may come from outside: every page escapes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from monitor.text_table import Column


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One thing that is known; ``detail`` follows the value in a sentence."""

    label: str
    value: str
    detail: str = ""
    is_bad: bool = False


class EnergySeries(NamedTuple):
    """The energy of a period or a site in each hour or on each day, kWh; None where there is no reading."""

    name: str
    energy_kwh: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class EnergyBars:
    """Energy by time, and by time and site.

    Attributes:
        starts: What each hour or day is called.
        over: How many of them have begun.
        periods: This period, after the one before if that is shown.
        sites: Each site, those that used most first.
    """

    starts: Sequence[str]
    over: int
    periods: Sequence[EnergySeries]
    sites: Sequence[EnergySeries]


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Rows of texts, and how many more there are."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A part of a report: sentences, then facts, then bars, then a table, as far as it has them."""

    title: str
    notes: Sequence[str] = ()
    facts: Sequence[KeyFigure] = ()
    bars: EnergyBars | None = None
    table: ReportTable | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report: what people want to know first, then its sections."""

    title: str
    scope: str
    facts: Sequence[KeyFigure]
    sections: Sequence[ReportSection] = ()


def table_of(columns: Sequence[Column], rows: Sequence[Sequence[str]], most: int) -> ReportTable | None:
    """A table of no more than ``most`` rows; None if there is none."""
    return ReportTable(columns, rows[:most], max(0, len(rows) - most)) if rows else None
