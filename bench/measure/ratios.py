"""From single measurements to what is compared: medians, and ratios within one round."""

from collections.abc import Sequence
from statistics import median

from bench.measure.throughput import Mode, Sample
from bench.table import ResultTable, spread

# What is held against what, in which mode, and what is to be reached at least, where that was set.
GOALS: Sequence[tuple[Mode, str, str, str]] = (
    ("live", "ours", "limit", "0.70"),
    ("live", "ours", "limit, gathering", ""),
    ("live", "ours, with sequences", "limit", "0.60"),
    ("live", "ours, with sequences", "limit, gathering", ""),
    ("live", "ours", "mq-bridge", "1.8"),
    ("catch-up", "ours", "limit", "0.45"),
    ("catch-up", "ours", "limit, gathering", ""),
    ("catch-up", "ours", "mq-bridge", "3.0"),
    ("live", "ours", "idiomatic, batches", "5"),
    ("live", "ours", "idiomatic, each", "15"),
    ("live", "ours", "seed", "15"),
)


def rates(samples: Sequence[Sample], mode: Mode) -> ResultTable:
    """All consumers of one mode."""
    chosen = [each for each in samples if each.mode == mode]
    rows = []
    for name in dict.fromkeys(each.consumer for each in chosen):
        of_it = [each for each in chosen if each.consumer == name]
        rows.append(
            [
                name,
                spread([each.rate for each in of_it]),
                spread([each.cpu_us for each in of_it], ".1f"),
                f"{median(each.resident_mib for each in of_it):.0f}",
            ]
        )
    return ResultTable(f"throughput {mode}", f"{mode}: readings brought home", COLUMNS, rows)


COLUMNS = ("consumer", "readings/s", "CPU µs/reading", "MiB")


def costs(samples: Sequence[Sample]) -> ResultTable:
    """Whose CPU time a reading takes: all that the cores have to do."""
    rows = []
    for mode in ("live", "catch-up"):
        for name in ("limit", "ours", "mq-bridge"):
            if of_it := _of(samples, mode, name):
                parts = [
                    median(each.publisher_us for each in of_it),
                    median(each.cpu_us for each in of_it),
                    median(each.broker_us for each in of_it),
                    median(each.database_us for each in of_it),
                ]
                rows.append([f"{mode}: {name}", *(f"{part:.1f}" for part in (*parts, sum(parts)))])
    columns = ("consumer", "publisher", "its own", "Mosquitto", "mongod", "together")
    return ResultTable("cpu", "CPU time per reading, µs", columns, rows)


def ratios(samples: Sequence[Sample]) -> ResultTable:
    """What was to be reached, and what was: the median of the ratios of each round."""
    rows = []
    for mode, name, other, goal in GOALS:
        pairs = zip(_of(samples, mode, name), _of(samples, mode, other), strict=False)
        found = [mine.rate / its.rate for mine, its in pairs]
        if found:
            rows.append([f"{mode}: {name} / {other}", spread(found, ".2f"), goal])
    pairs = zip(_of(samples, "live", "ours"), _of(samples, "live", "prototype"), strict=False)
    if cpu := [mine.cpu_us / its.cpu_us for mine, its in pairs]:
        rows.append(["CPU per reading, live: ours / prototype", spread(cpu, ".2f"), "<= 0.65"])
    return ResultTable("ratios", "Ratios within one round", ("ratio", "median (least-most)", "goal"), rows)


def _of(samples: Sequence[Sample], mode: str, name: str) -> list[Sample]:
    return [each for each in samples if each.mode == mode and each.consumer == name]
