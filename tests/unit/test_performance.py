"""docs/performance.md: that it has every table, and of everyone who is measured."""

import pytest

from bench.document import BEGIN, DOCUMENT, END, PLOT
from bench.measure.ratios import GOALS
from bench.measure.throughput import consumers

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
        ("pages", 26),
        ("schedule", 1),
        ("alarms", 3),
        ("security", 6),
        ("stages", 10),
        ("database", 3),
    ],
)
def test_every_table_was_measured(name: str, count: int) -> None:
    assert len(rows(name)) == count


def cell(table: str, row: str, column: int) -> str:
    return next(each for each in rows(table) if each[0] == row)[column].split()[0]


def test_alarms_cost_a_tenth_at_most() -> None:
    assert all(float(row[-1]) <= 1.10 for row in rows("alarms"))


def test_what_is_said_in_sentences_is_what_the_tables_say() -> None:
    ratio = cell("ratios", "live: ours / limit", 1)
    assert f"at {ratio} of the pace of a bare socket" in " ".join(TEXT.split())
    sentences = " ".join(TEXT.rsplit(END, 1)[1].split())
    together = cell("cpu", "catch-up: ours", 5)
    bearable = 2 / float(together) * 1e6
    wanted = 0.45 * float(cell("throughput catch-up", "limit", 1).replace(",", ""))
    five_times = 5 * float(cell("arrays", "1", 1).replace(",", ""))
    most = float(cell("database", "as the ingestor writes it", 1).replace(",", ""))
    for sentence in (
        f"It is {cell('ratios', 'catch-up: ours / limit', 1)}. A reading",
        f"that is caught up costs {together} µs in all",
        f"{cell('cpu', 'catch-up: ours', 2)} in the ingestor, {cell('cpu', 'catch-up: ours', 4)} in mongod, "
        f"{cell('cpu', 'catch-up: ours', 3)} in Mosquitto",
        f"can bear {round(bearable, -2):,.0f} of them a second",
        f"would be {round(wanted, -2):,.0f}. The limit has the machine to itself and pays "
        f"{cell('cpu', 'catch-up: limit', 5)} µs",
        f"bring {float(cell('arrays', '100', 2)):.1f} times as many",
        f"{round(five_times, -3):,.0f} readings a second, and mongod takes {round(most, -3):,.0f} at most",
    ):
        assert sentence in sentences
