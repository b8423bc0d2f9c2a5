"""Delays between attempts."""

import asyncio

import pytest

from broker.program.backoff import Backoff


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The limits that delays are drawn from; no delay takes any time."""
    found: list[float] = []

    def draw(_least: float, limit: float) -> float:
        found.append(limit)
        return 0.0

    monkeypatch.setattr("random.uniform", draw)
    return found


async def test_limit_doubles_up_to_the_ceiling_and_begins_anew_after_a_success(limits: list[float]) -> None:
    backoff = Backoff(0.5, 3)
    for _ in range(5):
        await backoff.wait()
    backoff.reset()
    await backoff.wait()
    assert limits == [0.5, 1, 2, 3, 3, 0.5]


async def test_no_delay_is_longer_than_the_ceiling(limits: list[float]) -> None:
    await Backoff(0.5, 0.1).wait()
    assert limits == [0.1]


async def test_stop_ends_the_wait() -> None:
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(5):
        await Backoff(1_000, 1_000).wait(stop)
