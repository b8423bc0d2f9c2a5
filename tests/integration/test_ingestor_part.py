"""Several ingestors: each takes a part of the sites, one more stands by until another one ends."""

import os
import stat
import sys
from pathlib import Path

import pytest

from stack.processes import Process, running
from tests.programs import run_program
from tests.servers import eventually

pytestmark = pytest.mark.integration


class Parts:
    """Processes in a folder, each of which becomes a program that writes down what it was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "bin" / "ingestor"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\necho "becomes $*"\nexec sleep 600\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def describe(self, number: int, parts: str) -> Process:
        command = [
            sys.executable,
            "-m",
            "stack.ingestor_part",
            "--parts",
            parts,
            "--folder",
            str(self.folder),
        ]
        environment = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        return Process("part", command, environment, self.folder / f"{number}.log")

    def says(self, number: int, what: str) -> bool:
        return what in (self.folder / f"{number}.log").read_text()


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


async def test_each_takes_a_part_and_one_more_stands_by(parts: Parts) -> None:
    first, second, third = (parts.describe(number, "lari annex,hall") for number in (1, 2, 3))
    async with running(first):
        await eventually(lambda: parts.says(1, "becomes --name ingestor --site lari"))
        async with running(second):
            await eventually(lambda: parts.says(2, "becomes --name ingestor-2 --site annex,hall"))
            async with running(third):
                await eventually(lambda: parts.says(3, "this one stands by"))
                await first.stop()
                await eventually(lambda: parts.says(3, "becomes --name ingestor --site lari"))


@pytest.mark.parametrize("parts", ["lari lari", "+ lari", " ", "a b,a", "no/site"])
def test_parts_that_overlap_or_are_none_are_rejected(tmp_path: Path, parts: str) -> None:
    ended = run_program("stack.ingestor_part", "--parts", parts, "--folder", str(tmp_path))
    assert ended.status == 2
    assert ended.errors.startswith("ingestor: --parts ")
    assert ended.errors.count("\n") == 1
