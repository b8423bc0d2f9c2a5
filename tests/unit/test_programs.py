"""A program that is run in the test's own process leaves nothing behind there, and is what it is alone."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import run_program

STEPS = """
import gc, logging, os, signal, sys
from broker.program.process import run


async def work(stop):
    logging.getLogger("left").warning("logged")
    os.write(sys.stdout.fileno(), b"below\\n")
    print(os.environ["ENERGY_SITE"], sys.argv[1:], os.getcwd(), sys.stderr.isatty())
    raise OSError("it cannot be done") if len(sys.argv) > 1 else ZeroDivisionError


def main():
    os.umask(0o077)
    gc.freeze()
    gc.set_threshold(1, 2, 3)
    run("thing", work, OSError)
"""


def process() -> tuple[object, ...]:
    """What a program might change of the process that it is in."""
    root = logging.getLogger()
    os.umask(mask := os.umask(0))
    return (
        mask,
        [*root.handlers],
        root.level,
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        gc.get_threshold(),
        gc.get_freeze_count(),
        dict(os.environ),
        Path.cwd(),
        sys.argv,
        sys.stdout,
        sys.stderr,
        type(asyncio.get_event_loop_policy()),
    )


@pytest.fixture
def thing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A program that sets up its process in every way that ours do."""
    (tmp_path / "thing.py").write_text(STEPS)
    monkeypatch.syspath_prepend(tmp_path)
    yield "thing"
    del sys.modules["thing"]


def test_program_says_what_it_would_say_alone_and_leaves_nothing_behind(thing: str, tmp_path: Path) -> None:
    before = process()
    ended = run_program(thing, "--option", "x", variables={"ENERGY_SITE": "lari"}, folder=tmp_path)
    assert process() == before
    assert ended.status == 1
    assert ended.output.splitlines() == ["below", f"lari ['--option', 'x'] {tmp_path} False"]
    logged, sentence = ended.errors.splitlines()
    assert logged.endswith(" thing: logged")
    assert sentence == "thing: it cannot be done"


def test_what_a_program_did_not_foresee_is_raised(thing: str) -> None:
    before = process()
    with pytest.raises(ZeroDivisionError):
        run_program(thing, variables={"ENERGY_SITE": "lari"})
    assert process() == before


async def test_program_without_a_loop_runs_beside_one() -> None:
    ended = await asyncio.to_thread(run_program, "broker", "dance")
    assert ended == (2, "", "broker: unknown command 'dance'; `broker --help` lists the commands\n")
