"""Faults of the table, each once: nothing is lost, nothing is stored twice, no alert is missing."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import groupby
from pathlib import Path

import pytest

from stack.servers import Servers
from tests.chaos.at_random import at_random
from tests.chaos.conftest import OpenRig
from tests.chaos.faults import FAULTS, NETWORK, SHORT, Fault
from tests.chaos.rig import Rig, open_rig

# The servers are children of the session's loop.
pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]


MINUTES = 3


def kind_of(fault: Fault) -> str:
    """A fault is of its own kind, but for crash points: those of one program follow each other."""
    return fault.name.split(" killed at `", maxsplit=1)[0]


KINDS = {kind: list(faults) for kind, faults in groupby(sorted(SHORT, key=kind_of), kind_of)}


async def strike(rig: Rig, *faults: Fault) -> None:
    rng = random.Random(faults[0].name)
    for fault in faults:
        await fault.strike(rig, rng)
        assert await rig.recovered() is not None, f"{fault.name}: {rig.backlog}"
    verdict = await rig.settle(listened=faults[0].broker_lives)
    assert verdict.faults == {}, faults
    assert verdict.passed
    assert verdict.confirmed + verdict.recovered == verdict.attempted > 0


@pytest.mark.parametrize("faults", KINDS.values(), ids=KINDS)
async def test_nothing_is_lost_or_doubled(rig_of: OpenRig, faults: Sequence[Fault]) -> None:
    async with rig_of() as rig:
        await rig.start(*faults[0].kinds)
        await strike(rig, *faults)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
async def test_nothing_is_lost_or_doubled_however_often(rig_of: OpenRig, fault: Fault) -> None:
    """As often as for the table of docs/guarantees.md."""
    async with rig_of() as rig:
        await rig.start(*fault.kinds)
        await strike(rig, *[fault] * fault.strikes)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_lost_or_doubled_whatever_comes(rig_of: OpenRig, seed: int) -> None:
    """Faults at random, without waiting for a recovery, as ``scripts/chaos --minutes`` has them."""
    async with rig_of() as rig:
        verdict = await at_random(rig, MINUTES, seed)
    assert verdict.passed, verdict.faults


async def test_nothing_is_lost_or_doubled_on_a_bad_network(
    harmed_servers: Servers, site: str, tmp_path: Path
) -> None:
    """Side by side, for these faults are each ingestor's and its nodes' own."""
    async with AsyncExitStack() as rigs:
        struck = []
        for number, fault in enumerate(NETWORK):
            opening = open_rig(harmed_servers, f"{site}-{number}", tmp_path / str(number))
            rig = await rigs.enter_async_context(opening)
            await rig.start(*fault.kinds)
            struck.append(strike(rig, fault))
        await asyncio.gather(*struck)
