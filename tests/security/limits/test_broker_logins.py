"""Guessing at the broker: each failed log-in is in its log, with the address that it came from."""

import re
from pathlib import Path

import pytest

from broker.errors import BrokerError
from tests.security.limits.brokers import start_broker
from tests.servers import Wire

pytestmark = pytest.mark.integration

GUESSES = 20


async def guess(state: Path, changes: dict[str, str] | None = None) -> str:
    """The log of a broker at which somebody guesses passwords."""
    log = state / "log" / "mosquitto.log"
    async with start_broker(state, changes=changes) as world:
        for number in range(GUESSES):
            with pytest.raises(BrokerError, match="not authorized"):
                async with Wire(world.url("sensor-a1", f"guess-{number}"), "guesser"):
                    pass
    return log.read_text()


def failures(log: str) -> list[str]:
    """From which addresses somebody failed to log in: a line for the connection and one for its client."""
    return re.findall(r"New connection from (\S+) on port \d+\.\n.*disconnected, not authorised\.", log)


async def test_guess_leaves_a_line_with_the_address(tmp_path: Path) -> None:
    log = await guess(tmp_path)
    assert len(failures(log)) == GUESSES
    assert all(each.startswith("127.0.0.1:") for each in failures(log))
    assert "guess-" not in log


async def test_without_them_guesses_leave_nothing(tmp_path: Path) -> None:
    assert not failures(await guess(tmp_path, {"connection_messages true": "connection_messages false"}))
