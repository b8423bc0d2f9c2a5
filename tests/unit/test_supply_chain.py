"""The list of what is inside, and the search for known holes."""

import ast
import importlib.metadata
import json
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.supply_chain import LOCK, ROOT, Audit, audit, known_of_old, read_lock, write_inventory

INGESTOR_LOCK = ROOT / "ingestor" / "requirements.lock"


def test_list_names_every_package_of_the_lock_with_its_hashes(tmp_path: Path) -> None:
    pins = read_lock(LOCK)
    assert {"aiomqtt", "motor", "pydantic"} <= pins.keys()
    assert write_inventory(LOCK, tmp_path / "sbom.json") == len(pins)
    document = json.loads((tmp_path / "sbom.json").read_bytes())
    assert document["bomFormat"] == "CycloneDX"
    assert document["metadata"]["component"]["name"] == "energy-monitor"
    assert {each["name"]: each["version"] for each in document["components"]} == pins
    assert all(each["externalReferences"][0]["hashes"] for each in document["components"])


def test_every_package_is_asked_about_in_one_way_or_the_other_and_it_is_said_which() -> None:
    result = audit(LOCK)
    assert {*result.asked, *result.offline} == read_lock(LOCK).keys()
    assert ("could not be asked about" in str(result)) == bool(result.offline)


def test_package_with_a_known_hole_is_found(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("django==2.0.1\npydantic==2.14.0\n")
    result = audit(lock)
    assert result.holes
    assert all(hole.startswith("django 2.0.1: ") for hole in result.holes)


@pytest.mark.parametrize(("version", "count"), [("5.3", 2), ("99.0", 0)])
def test_old_database_tells_versions_with_a_hole_from_others(version: str, count: int) -> None:
    assert len(known_of_old({"pyyaml": version})) >= count
    assert bool(known_of_old({"pyyaml": version})) == bool(count)


def test_what_was_not_asked_is_never_called_safe_in_silence() -> None:
    said = str(Audit(["one"], ["other"], []))
    assert "could not be asked about 1 of 2 packages" in said
    assert "2021" in said
    assert said.endswith("no known holes")


def imported(room: str) -> set[str]:
    """The packages of others that a room imports."""
    found = set()
    for file in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"broker", "ingestor"}


@pytest.mark.parametrize("room", ["broker", "ingestor"])
def test_ingestor_is_installed_with_what_it_imports(room: str) -> None:
    pins, packages = read_lock(INGESTOR_LOCK), importlib.metadata.packages_distributions()
    assert pins.items() <= read_lock(LOCK).items()
    for name in imported(room):
        assert {canonicalize_name(each) for each in packages[name]} & pins.keys(), name


def test_ingestor_is_installed_without_the_simulator_and_the_pages() -> None:
    heavy = {"pandas", "numpy", "pyarrow", "demandlib", "holidays", "nicegui", "fastapi"}
    assert heavy <= read_lock(LOCK).keys()
    assert not heavy & read_lock(INGESTOR_LOCK).keys()
