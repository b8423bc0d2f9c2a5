"""A report for a terminal or a mail: plain text, 80 columns wide."""

from collections.abc import Iterable, Iterator

from broker.program.escape import escape_text
from monitor.formatting import format_kwh
from monitor.report.content import EnergyBars, KeyFigure, Report, ReportSection
from monitor.text_table import table_lines, wrap

WIDTH = 80
INDENT = "  "
# A part of a column, in eighths.
EIGHTHS = " ▏▎▍▌▋▊▉"
BAR_WIDTH = 48
BOLD, RED, OFF = "\x1b[1m", "\x1b[31m", "\x1b[0m"


def render_text(page: Report, *, colours: bool = False) -> list[str]:
    """Write a report, with colours: bold titles, and red what somebody should look after."""
    lines = _title(f"Energy report: {page.title}", colours=colours)
    lines += wrap(escape_text(page.scope), WIDTH)
    lines += ["", *_facts(page.facts, colours=colours)]
    for section in page.sections:
        lines += ["", *_title(section.title, colours=colours), *_section(section, colours=colours)]
    return lines


def _title(text: str, *, colours: bool) -> list[str]:
    return [f"{BOLD}{line}{OFF}" if colours else line for line in wrap(escape_text(text), WIDTH)]


def _section(section: ReportSection, *, colours: bool) -> Iterator[str]:
    for note in section.notes:
        yield from _indented(wrap(escape_text(note), WIDTH - len(INDENT)))
    yield from _facts(section.facts, colours=colours)
    if section.bars:
        yield from _indented(_bars(section.bars))
    if section.table:
        if section.facts or section.notes:
            yield ""
        table = section.table
        yield from _indented(table_lines(table.columns, table.rows, WIDTH - len(INDENT), bold=colours))
        if table.hidden:
            yield f"{INDENT}… and {table.hidden:,} more"


def _facts(facts: Iterable[KeyFigure], *, colours: bool) -> Iterator[str]:
    facts = list(facts)
    label_width = max((len(fact.label) for fact in facts), default=0) + len(INDENT)
    for fact in facts:
        told = f"{fact.value} {fact.detail}" if fact.detail else fact.value
        lines = wrap(escape_text(told), WIDTH - len(INDENT) - label_width)
        for number, line in enumerate(lines):
            label = fact.label if number == 0 else ""
            text = f"{RED}{line}{OFF}" if colours and fact.is_bad else line
            yield f"{INDENT}{label:<{label_width}}{text}"


def _bars(bars: EnergyBars) -> Iterator[str]:
    starts, used_kwh = bars.starts[: bars.over], bars.periods[-1].energy_kwh[: bars.over]
    most_kwh = max((value for value in used_kwh if value), default=0.0)
    number_width = len(format_kwh(most_kwh))
    names = [each.rjust(max(map(len, starts))) for each in starts]
    for name, value_kwh in zip(names, used_kwh, strict=True):
        if value_kwh is None:
            yield f"{name}  no readings"
        else:
            number = f"{format_kwh(value_kwh, most_kwh):>{number_width}}"
            yield f"{name}  {_bar(value_kwh, most_kwh)}  {number} kWh"


def _bar(value: float, most: float) -> str:
    eighths = round(value / most * BAR_WIDTH * 8) if most else 0
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).ljust(BAR_WIDTH)[:BAR_WIDTH]


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"{INDENT}{line}".rstrip() for line in lines)
