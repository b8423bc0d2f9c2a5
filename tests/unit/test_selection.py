"""Which tests run, in what order, on which worker; and what a person sees of it."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.conftest import ROOT
from tests.progress import TYPICAL_S, WHY_LEFT_OUT, to_words
from tests.selection import LEFT_OUT, ON_DEFAULT_PORTS, ROOMS, left_out, scope

TESTS = """
import pytest

def test_good():
    pass

def test_bad():
    assert 1 == 2

def test_impossible():
    pytest.skip("no such machine")

@pytest.mark.long
def test_long():
    pass
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tests/unit/test_a.py::test_1", "tests/unit/test_a.py::test_2[x]"),
        ("tests/compose/test_a.py::test_1", "tests/compose/test_b.py::test_1"),
        ("tests/security/test_a.py::test_1[tls-x]", "tests/security/test_b.py::test_1[tls]"),
        (f"{ON_DEFAULT_PORTS[0]}::test_1", f"{ON_DEFAULT_PORTS[-1]}::test_1[tls]"),
    ],
)
def test_what_shares_servers_is_on_one_worker(one: str, other: str) -> None:
    assert scope(one) == scope(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tests/unit/test_a.py::test_1", "tests/unit/test_b.py::test_1"),
        ("tests/chaos/test_a.py::test_1[x]", "tests/chaos/test_a.py::test_1[y]"),
        ("tests/security/test_a.py::test_1[tls]", "tests/security/test_a.py::test_1[plain]"),
    ],
)
def test_all_else_may_be_on_another(one: str, other: str) -> None:
    assert scope(one) != scope(other)


def test_every_room_has_its_place_and_every_file_that_is_named_exists() -> None:
    assert {file.parent.name for file in ROOT.glob("tests/*/test_*.py")} == set(ROOMS)
    assert set(TYPICAL_S) < set(ROOMS)
    assert set(WHY_LEFT_OUT) == set(LEFT_OUT)
    assert all((ROOT / file).exists() for file in ON_DEFAULT_PORTS)


@pytest.mark.parametrize(
    ("long", "source", "marks", "expected"),
    [
        (False, "TESTPATHS", "", LEFT_OUT),
        (False, "ARGS", "", ("long",)),
        (False, "TESTPATHS", "mutant", ("long",)),
        (True, "TESTPATHS", "", ()),
    ],
)
def test_who_names_something_gets_all_of_it_but_repetitions(
    long: bool,
    source: str,
    marks: str,
    expected: tuple[str, ...],
) -> None:
    config = SimpleNamespace(
        getoption=lambda _: long,
        args_source=pytest.Config.ArgsSource[source],
        option=SimpleNamespace(markexpr=marks),
    )
    assert tuple(left_out(cast("Any", config))) == expected


def test_run_says_what_failed_and_what_did_not_run(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = long: x\nconsole_output_style = classic\n")
    plugins = ["-p", "xdist", "-p", "tests.selection", "-p", "tests.progress"]
    done = subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, "-m", "pytest", *plugins, "-n", "1", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert "FAILED test_some.py::test_bad (call)" in lines
    assert "Not run: 1 many repetitions (scripts/test --long); 1 no such machine" in lines


def test_time_is_told_as_people_say_it() -> None:
    assert [to_words(seconds) for seconds in (0.4, 89, 150, 600)] == ["0 s", "89 s", "2 min", "10 min"]
