"""Scripts for people: whose URLs they take from files, and which tests they run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Which program a script runs, and whose URLs it gives to it.
SCRIPTS = {
    "monitor": ("monitor", ("operator/mongo-url", "operator/mqtt-url")),
    "verify": ("monitor", ("viewer/mongo-url",)),
    "sensor-node": ("sensor-node", ("sensors/mqtt-url",)),
    "ingestor": ("ingestor", ("ingestor/mongo-url",)),
}
SHOW = """#!/bin/sh
echo "$@"
echo "ENERGY_MONGO_URL=${ENERGY_MONGO_URL-} ENERGY_MQTT_URL=${ENERGY_MQTT_URL-}"
cat ${ENERGY_MONGO_URL_FILE:-} ${ENERGY_MQTT_URL_FILE:-} </dev/null
"""
# Fails in the part that FAILING names.
SHOW_TESTS = """#!/bin/sh
shift 2
echo "pytest $*"
[ "$*" != "${FAILING-none}" ]
"""
PARTS = ("", "-m compose or mutant", "--long -m long")
ALL_PARTS = [line for n, part in enumerate(PARTS, 1) for line in (f"Part {n} of 3", f"pytest {part}")]


def run(script: Path, *options: str, **variables: str) -> tuple[int, list[str]]:
    environment = {**os.environ, **variables}
    ended = subprocess.run(  # noqa: S603 - our own script
        [script, *(options or ("--option",))], env=environment, capture_output=True, text=True, check=False
    )
    return ended.returncode, (ended.stdout + ended.stderr).splitlines()


@pytest.fixture(params=SCRIPTS)
def script(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A script in a folder of its own, with a program that shows what it is told."""
    name: str = request.param
    copy = tmp_path / "scripts" / name
    program = tmp_path / ".venv" / "bin" / SCRIPTS[name][0]
    _write(program, SHOW)
    copy.parent.mkdir()
    shutil.copy(ROOT / "scripts" / name, copy)
    return copy


def _write(program: Path, text: str) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(text)
    program.chmod(0o755)


def test_script_gives_files_of_the_running_stack_and_no_url(script: Path, tmp_path: Path) -> None:
    names = SCRIPTS[script.name][1]
    for name in names:
        file = tmp_path / "var" / "clients" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name}\n")
    status, (said, variables, *read) = run(script)
    assert status == 0
    assert said.endswith("--option")
    assert variables == "ENERGY_MONGO_URL= ENERGY_MQTT_URL="
    assert tuple(read) == names


def test_url_that_somebody_has_set_wins(script: Path, tmp_path: Path) -> None:
    mine = dict.fromkeys(("ENERGY_MONGO_URL", "ENERGY_MQTT_URL"), "elsewhere")
    for name in SCRIPTS[script.name][1]:
        file = tmp_path / "var" / "clients" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("of the stack")
    for files in (False, True):
        (tmp_path / "url").write_text("from my file\n")
        given = dict.fromkeys((f"{name}_FILE" for name in mine), str(tmp_path / "url")) if files else mine
        status, (_, variables, *read) = run(script, **given)
        assert status == 0
        shown = "" if files else "elsewhere"
        assert variables == f"ENERGY_MONGO_URL={shown} ENERGY_MQTT_URL={shown}"
        assert read == (["from my file"] * 2 if files else [])


def test_script_says_what_to_do_first(script: Path) -> None:
    status, said = run(script)
    if script.name == "ingestor":
        # `check-config` needs no stack.
        assert (status, said[0]) == (0, "--option")
    else:
        assert (status, said) == (1, [f"scripts/{script.name}: start scripts/up first"])


@pytest.fixture
def tests_runner(tmp_path: Path) -> Path:
    """``scripts/test`` in a folder of its own, with a Python that shows what pytest is told."""
    _write(tmp_path / "scripts" / "setup", "#!/bin/sh\n")
    _write(tmp_path / ".venv" / "bin" / "python", SHOW_TESTS)
    copy = tmp_path / "scripts" / "test"
    shutil.copy(ROOT / "scripts" / "test", copy)
    return copy


@pytest.mark.parametrize("options", [("tests/unit", "-m", "x or y"), ("--long", "tests/unit"), ("--longer",)])
def test_arguments_go_to_pytest(tests_runner: Path, options: tuple[str, ...]) -> None:
    assert run(tests_runner, *options) == (0, [f"pytest {' '.join(options)}"])
    assert run(tests_runner, *options, FAILING=" ".join(options))[0] == 1


def test_everything_runs_in_parts(tests_runner: Path) -> None:
    assert run(tests_runner, "--long") == (0, ALL_PARTS)


@pytest.mark.parametrize("failing", PARTS)
def test_all_parts_run_when_one_fails(tests_runner: Path, failing: str) -> None:
    assert run(tests_runner, "--long", FAILING=failing) == (1, ALL_PARTS)
