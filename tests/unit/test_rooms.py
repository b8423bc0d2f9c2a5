"""Which room may import which, as the README's drawing has it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MAY_IMPORT = {
    "broker": set[str](),
    "sensor_node": {"broker"},
    "ingestor": {"broker"},
    "monitor": {"broker", "ingestor.documents"},
    "stack": {"broker", "sensor_node", "ingestor", "monitor"},
    "bench": {"broker", "sensor_node", "ingestor", "monitor", "stack"},
}
FLOW = (  # of a reading through the ingestor: a stage may use an earlier one, never a later one
    "delivery",
    "receive",
    "decode",
    "validate",
    "flag",
    "batch_reader",
    "store",
    "alert",
    "alarms",
    "confirm",
    "pipeline",
    "service",
)


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_room_imports_only_what_it_may(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files
    for file in files:
        for module in imported(file):
            other = module.split(".")[0]
            if other in MAY_IMPORT and other != room:
                assert {other, module} & MAY_IMPORT[room], f"{file.name} imports {module}"


def test_stage_does_not_know_the_next_one() -> None:
    for place, stage in enumerate(FLOW):
        path = ROOT / "ingestor" / stage
        files = list(path.rglob("*.py")) or [path.with_suffix(".py")]
        for file in files:
            used = {module.split(".")[1] for module in imported(file) if module.startswith("ingestor.")}
            assert not used & set(FLOW[place + 1 :]), file


def test_only_the_store_and_the_queries_know_motor() -> None:
    knowing = {
        file.relative_to(ROOT).as_posix()
        for room in MAY_IMPORT
        for file in (ROOT / room).rglob("*.py")
        if "peers" not in file.parts  # programs of others, so to say
        if any(module.startswith("motor") for module in imported(file))
    }
    assert knowing == {"ingestor/store/database.py", "monitor/queries/database.py"}


def test_no_file_is_two_ideas_long() -> None:
    for room in MAY_IMPORT:
        for file in (ROOT / room).rglob("*.py"):
            assert len(file.read_text().splitlines()) <= 300, file


def test_outbox_knows_nothing_of_the_simulator() -> None:
    for file in (ROOT / "sensor_node" / "outbox").glob("*.py"):
        for module in imported(file):
            assert not module.startswith("sensor_node") or module.startswith("sensor_node.outbox"), (
                f"{file.name} imports {module}"
            )


@pytest.mark.parametrize("module", ["sensor_node.__main__", "sensor_node.scenarios.run"])
def test_node_starts_without_what_only_some_need(module: str) -> None:
    heavy = "{'pandas', 'demandlib', 'holidays', 'pyarrow', 'jinja2'}"
    code = f"import sys, {module}; sys.exit(' '.join(sorted({heavy} & set(sys.modules))) or 0)"
    ended = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
