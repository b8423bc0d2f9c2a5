"""docs/performance.md: the tables of the last full run, between marks."""

from collections.abc import Iterable

from bench.rig import ROOT
from bench.table import ResultTable

DOCUMENT = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "performance.svg"
BEGIN, END = "<!-- measured: {} -->\n", "<!-- end -->"


def write(tables: Iterable[ResultTable]) -> None:
    """Put each table in its place."""
    for table in tables:
        before, rest = DOCUMENT.read_text().split(BEGIN.format(table.name), 1)
        after = rest.split(END, 1)[1]
        DOCUMENT.write_text(before + BEGIN.format(table.name) + table.to_markdown() + END + after)
