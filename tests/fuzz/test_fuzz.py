"""What the fuzzers have found stays mended; and each of them misses a protection that is taken away."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monitor.export.formats import escape_cell
from tests.fault_points.broker import ESCAPE_TEXT
from tests.fault_points.ingestor import KEYS_OF_TOPICS, PLACE_OF_TOPIC
from tests.fault_points.point import Point
from tests.fuzz.__main__ import run_again
from tests.fuzz.campaign import CORPUS, fuzz
from tests.fuzz.faults import FAULTS
from tests.fuzz.shapes import inputs
from tests.fuzz.targets import NAMES, load

# Those that open files or make a command line each time are slower.
EXAMPLES = {"settings": 15, "outbox": 20, "ledger": 30, "rest": 40}
FILES, BYTES = 600, 200_000


def known(name: str) -> Iterator[bytes]:
    """The hostile seeds and the corpus."""
    yield from load(name).SEEDS
    yield from (file.read_bytes() for file in sorted((CORPUS / name).iterdir()))


def stand_all(name: str) -> int:
    """Hand a target all that is known; how many inputs these are."""
    check, count = load(name).check, 0
    for data in known(name):
        check(data)
        count += 1
    return count


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    escape_cell.cache_clear()
    with PLACE_OF_TOPIC.replace(KEYS_OF_TOPICS().__getitem__):
        yield
    escape_cell.cache_clear()


@pytest.mark.parametrize("name", NAMES)
def test_known_inputs_are_stood(name: str) -> None:
    assert stand_all(name) > len(load(name).SEEDS), "there is no corpus"


@pytest.mark.parametrize("times", [1, pytest.param(4, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", NAMES)
def test_inputs_like_those_are_stood(name: str, times: int) -> None:
    target = load(name)

    @settings(
        max_examples=EXAMPLES.get(name, 80) * times,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(name, target) | st.binary(max_size=200))
    def stands(data: bytes) -> None:
        target.check(data)

    stands()


@pytest.mark.parametrize(
    ("name", "point", "thing"),
    [pytest.param(name, point, thing, id=f"{name}: {what}") for name, what, point, thing in FAULTS],
)
def test_fault_is_found(name: str, point: Point, thing: object) -> None:
    with point.replace(thing), pytest.raises(Exception):  # noqa: B017, PT011 - whatever a fault does
        stand_all(name)


def test_every_target_has_a_fault() -> None:
    assert {name for name, *_ in FAULTS} == {*NAMES}


def test_finding_can_be_run_again(tmp_path: Path) -> None:
    file = tmp_path / "found"
    file.write_bytes(b"(a\x1b[2J")
    run_again("plain", file)
    unescaped = SimpleNamespace(dumps=lambda each: f"'{each}'")
    with ESCAPE_TEXT.replace(unescaped), pytest.raises(AssertionError):
        run_again("plain", file)


def test_fuzzer_runs_the_code_and_guides_itself_by_it(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this system")
    outcome = fuzz("payload", 1, tmp_path)
    assert outcome.finding is None, str(outcome)
    assert outcome.runs > 100
    # Of code that is not instrumented, it sees none.
    assert outcome.edges > 20


def test_corpus_is_small() -> None:
    files = [each for each in CORPUS.rglob("*") if each.is_file()]
    assert len(files) < FILES
    assert sum(each.stat().st_size for each in files) < BYTES
