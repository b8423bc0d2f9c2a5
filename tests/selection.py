"""Which tests run, in what order, and which of them share a worker process.

A room is a folder of ``tests/``. A scope is what one worker runs as a whole, because the tests in it share
servers; scopes of different workers run side by side.
"""

import os
from collections import Counter
from collections.abc import Sequence

import hypothesis
import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import WorkerController

# In the order in which they run: the longest tests first, so that all workers end at about the same time.
ROOMS = ("compose", "chaos", "integration", "security", "attack", "browser", "fuzz", "unit")
# Each test of these is a scope of its own.
ROOMS_SPLIT_BY_TEST = ("chaos",)
# Tests of these that want the same variant of a room's servers are one scope, as are all others of a file.
ROOMS_SPLIT_BY_VARIANT = ("security",)
VARIANTS = ("plain", "tls", "http", "https")
# Tests of these share one set of containers.
ROOMS_AS_ONE = ("compose",)
# Each of these starts a whole stack on the ports that users know; so they run one after another.
ON_DEFAULT_PORTS = (
    "tests/integration/test_up.py",
    "tests/integration/test_up_external.py",
    "tests/integration/test_up_tls.py",
    "tests/security/test_secrets.py",
    "tests/security/test_stolen_ports.py",
)
# Marks of tests that the usual run leaves out. Whoever names a file or a folder gets all but the last.
LEFT_OUT = ("compose", "mutant", "long")
LEFT_OUT_KEY = pytest.StashKey[Counter[str]]()
# Most tests wait for servers, so that a core has time for several; not those of these rooms.
WORKERS_PER_CORE = 3
MOST_WORKERS = 12
ROOMS_WITHOUT_SERVERS = ("unit", "fuzz")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="run everything, as often as docs/guarantees.md says"
    )


def pytest_configure() -> None:
    # An example may take as long as it takes on a machine that is busy.
    hypothesis.settings.register_profile("any-pace", deadline=None)
    hypothesis.settings.load_profile("any-pace")


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many workers ``-n auto`` means."""
    cores = len(os.sched_getaffinity(0))
    waits = any(room(f"{argument}/") not in ROOMS_WITHOUT_SERVERS for argument in config.args)
    return min(MOST_WORKERS, cores * (WORKERS_PER_CORE if waits else 1))


def left_out(config: pytest.Config) -> Sequence[str]:
    """The marks of tests that this run leaves out."""
    if config.getoption("--long"):
        return ()
    is_usual = config.args_source is not pytest.Config.ArgsSource.ARGS
    return LEFT_OUT if is_usual and not config.option.markexpr else LEFT_OUT[-1:]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run does not want; put the rooms in order, and leave each one shuffled."""
    wanted: list[pytest.Item] = []
    unwanted: list[pytest.Item] = []
    for item in items:
        is_unwanted = any(item.get_closest_marker(mark) for mark in left_out(config))
        (unwanted if is_unwanted else wanted).append(item)
    if unwanted:
        config.hook.pytest_deselected(items=unwanted)
        config.stash[LEFT_OUT_KEY] = Counter(_mark_of(item) for item in unwanted)
    items[:] = sorted(wanted, key=lambda item: _rank(item.nodeid))


def _mark_of(item: pytest.Item) -> str:
    return next(mark for mark in LEFT_OUT if item.get_closest_marker(mark))


def room(nodeid: str) -> str:
    """The room of a test."""
    return nodeid.split("/")[1] if nodeid.count("/") > 1 else ""


def _rank(nodeid: str) -> tuple[bool, int, bool, str]:
    """The stacks first, since one worker runs them all; of a room the largest scopes before the others."""
    where = room(nodeid)
    position = ROOMS.index(where) if where in ROOMS else len(ROOMS)
    return scope(nodeid) != "stacks", position, not variant(nodeid), variant(nodeid)


def variant(nodeid: str) -> str:
    """Which of the variants of a room's servers a test wants, by its parameters."""
    names = nodeid.partition("[")[2].rstrip("]").split("-")
    return next((name for name in names if name in VARIANTS), "")


def scope(nodeid: str) -> str:
    """What a test is a part of, for the sake of the servers that they share."""
    file = nodeid.partition("::")[0]
    if file in ON_DEFAULT_PORTS:
        return "stacks"
    where = room(nodeid)
    if where in ROOMS_AS_ONE:
        return where
    if where in ROOMS_SPLIT_BY_VARIANT and variant(nodeid):
        return f"{where} {variant(nodeid)}"
    return nodeid if where in ROOMS_SPLIT_BY_TEST else file


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out scopes in the order in which tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that reports what this worker left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash.get(LEFT_OUT_KEY, {}))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    # All workers collect the same tests.
    node.config.stash[LEFT_OUT_KEY] = Counter(getattr(node, "workeroutput", {}).get("left_out", {}))
