"""One stack for all tests of a kind; without an engine they are left out."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from tests.compose.stack import Stack, engine_answers


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine with Compose."""
    if not engine_answers():
        pytest.skip("no Docker engine with Compose answers")


@pytest.fixture(scope="session")
def stack(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack with three sensor nodes."""
    stack = Stack(tmp_path_factory.mktemp("compose"), "energy-monitor-test")
    with stack.up("--scale", "sensor-node=3"):
        yield stack


@pytest.fixture
def database(stack: Stack) -> Iterator[Database[dict[str, Any]]]:
    """Its database."""
    with stack.database() as client:
        yield client["energy_db"]
