"""docs/performance.md: that it has every table, and of everyone who is measured."""

import pytest

from bench.document import BEGIN, DOCUMENT, END, PLOT
from bench.ratios import GOALS
from bench.throughput import consumers

TEXT = DOCUMENT.read_text()


def rows(name: str) -> list[list[str]]:
    section = TEXT.split(BEGIN.format(name), 1)[1].split(END, 1)[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return lines[2:]


def test_everyone_who_is_measured_is_in_the_table_and_in_the_plot() -> None:
    names = [each.name for each in consumers(1)]
    assert [row[0] for row in rows("throughput live")] == names
    plot = PLOT.read_text()
    for name in names:
        assert f"<!-- {name} -->" in plot, name


def test_every_goal_has_its_ratio() -> None:
    labels = [row[0] for row in rows("ratios")]
    assert labels[:-1] == [f"{mode}: {name} / {other}" for mode, name, other, _ in GOALS]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("throughput catch-up", 5),
        ("cpu", 6),
        ("latency", 9),
        ("sensors", 4),
        ("arrays", 4),
        ("stall", 1),
        ("documents", 4),
        ("schedule", 1),
        ("stages", 10),
        ("database", 3),
    ],
)
def test_every_table_was_measured(name: str, count: int) -> None:
    assert len(rows(name)) == count
