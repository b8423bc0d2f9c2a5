"""What stands in a report, in order: texts and numbers, whatever they are shown on.

Texts may come from outside: whoever shows them takes care that they are texts and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from monitor.text_table import Column


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One thing that is known.

    Attributes:
        label: What.
        value: How much.
        detail: What follows it in a sentence, if that is to be said.
        is_bad: Whether somebody should look after it.
    """

    label: str
    value: str
    detail: str = ""
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class EnergyBars:
    """Energy by time, or by time and site.

    Attributes:
        starts: What each hour or day is called.
        energy_kwh: What was used in each, kWh; None without a reading.
        over: How many of them have begun.
        name: What this time is called.
        before_kwh: The same of the time before, where hours may be fewer or more; none if it is not shown.
        before_name: What the time before is called.
        site_kwh: The same of each site, those that used most first.
    """

    starts: Sequence[str]
    energy_kwh: Sequence[float | None]
    over: int
    name: str
    before_kwh: Sequence[float | None]
    before_name: str
    site_kwh: dict[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Rows of texts.

    Attributes:
        columns: What they tell.
        rows: The cells of each.
        hidden: How many more rows there are.
    """

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
    """A report.

    Attributes:
        title: Of which time.
        scope: Of which sites, in which time zone, written when.
        facts: What people want to know first.
        sections: The rest.
    """

    title: str
    scope: str
    facts: Sequence[KeyFigure]
    sections: Sequence[ReportSection] = field(default_factory=list)


def table_of(columns: Sequence[Column], rows: Sequence[Sequence[str]], most: int) -> ReportTable | None:
    """A table of the first rows; None if there is none.

    Args:
        columns: What they tell.
        rows: The cells of each.
        most: How many rows are shown.
    """
    return ReportTable(columns, rows[:most], max(0, len(rows) - most)) if rows else None
