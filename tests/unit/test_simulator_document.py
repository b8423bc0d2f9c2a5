"""docs/simulator.md: that it has every profile, fault and scenario, with their numbers."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from durationpy import to_str

from sensor_node.faults.fault_types import FAULT_TYPES
from sensor_node.profiles import DEFAULT_YEARLY_KWH, PROFILES
from sensor_node.scenarios.scenario import EXAMPLES

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "docs" / "simulator.md").read_text()


def rows(heading: str) -> dict[str, list[str]]:
    """The first table below a heading: by the first cell, the others."""
    section = DOCUMENT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = section.split("\n| ", 1)[1].split("\n\n", 1)[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return {first.strip("`"): others for first, *others in cells}


def test_each_profile_is_there_with_its_usual_year_and_its_curves() -> None:
    table = rows("Load profiles")
    assert list(table) == list(PROFILES)
    for profile, yearly_kwh in DEFAULT_YEARLY_KWH.items():
        assert table[profile][1] == f"{yearly_kwh:,.0f}"
        for season in ("winter", "summer", "year"):
            assert f"](profiles/{profile}-{season}.svg)" in DOCUMENT


def test_each_picture_is_there() -> None:
    named = re.findall(r"!\[\]\(([^)]+)\)", DOCUMENT)
    assert len(named) > 15
    for name in named:
        assert (ROOT / "docs" / name).read_text().startswith("<"), name


def test_each_fault_is_there_with_its_parameters() -> None:
    table = rows("Faults")
    assert set(table) == set(FAULT_TYPES)
    for kind, nature in FAULT_TYPES.items():
        told = dict(re.findall(r"`([a-z]+)` ([^,]+)", table[kind][1]))
        assert told == {name: shown(value) for name, value in nature.defaults.items()}, kind


def shown(value: object) -> str:
    if isinstance(value, timedelta):
        return f"-{-value.total_seconds():g}s" if value < timedelta(0) else to_str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.stem)
def test_each_scenario_is_there_and_explained(file: Path) -> None:
    assert f"[{file.stem}](../sensor_node/scenarios/{file.name})" in DOCUMENT
    comments = [line for line in file.read_text().splitlines() if line.strip().startswith("#")]
    assert len(comments) >= 10
