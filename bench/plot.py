"""The plot of docs/performance.md: what each consumer brings home, live."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.measure.throughput import Sample

OURS, OTHERS = "#1a7f5a", "#9aa5b1"


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Draw medians as bars, and the spread over the rounds as lines, into an SVG file."""
    mpl.rcParams["svg.hashsalt"] = "energy-monitor"  # the same picture makes the same file
    chosen = [each for each in samples if each.mode == "live"]
    names = list(dict.fromkeys(each.consumer for each in chosen))[::-1]
    figure = Figure(figsize=(8, 0.45 * len(names) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    for place, name in enumerate(names):
        rates = [each.rate for each in chosen if each.consumer == name]
        middle = median(rates)
        axes.barh(place, middle, color=OURS if name.startswith("ours") else OTHERS)
        axes.hlines(place, min(rates), max(rates), color="#333333", linewidth=1.5)
        axes.text(max(rates), place, f"  {middle:,.0f}", va="center", fontsize=9)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(right=max(each.rate for each in chosen) * 1.15)
    axes.xaxis.set_major_formatter(lambda rate, _: f"{rate:,.0f}")
    axes.set_xlabel("readings per second brought home, live, on 2 cores with broker, database and publisher")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, format="svg", metadata={"Date": None})
