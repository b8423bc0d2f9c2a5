"""Scripts for people take the URLs of the running stack from files, and leave them there."""

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


def run(script: Path, **variables: str) -> tuple[int, list[str]]:
    environment = {**os.environ, **variables}
    ended = subprocess.run(  # noqa: S603 - our own script
        [script, "--option"], env=environment, capture_output=True, text=True, check=False
    )
    return ended.returncode, (ended.stdout + ended.stderr).splitlines()


@pytest.fixture(params=SCRIPTS)
def script(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A script in a folder of its own, with a program that shows what it is told."""
    name: str = request.param
    copy = tmp_path / "scripts" / name
    program = tmp_path / ".venv" / "bin" / SCRIPTS[name][0]
    for file in (copy, program):
        file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "scripts" / name, copy)
    program.write_text(SHOW)
    program.chmod(0o755)
    return copy


def test_script_gives_files_of_the_running_stack_and_no_url(script: Path, tmp_path: Path) -> None:
    names = SCRIPTS[script.name][1]
    for name in names:
        file = tmp_path / "var" / "clients" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name}\n")
    # What somebody has set for something else does not count.
    mine = {name.partition("/")[2].replace("-", "_").upper(): "elsewhere" for name in names}
    status, (said, variables, *read) = run(script, **{f"ENERGY_{name}": url for name, url in mine.items()})
    assert status == 0
    assert said.endswith("--option")
    assert variables == "ENERGY_MONGO_URL= ENERGY_MQTT_URL="
    assert tuple(read) == names


def test_script_says_what_to_do_first(script: Path) -> None:
    status, said = run(script)
    if script.name == "ingestor":
        # `check-config` needs no stack.
        assert (status, said[0]) == (0, "--option")
    else:
        assert (status, said) == (1, [f"scripts/{script.name}: start scripts/up first"])
