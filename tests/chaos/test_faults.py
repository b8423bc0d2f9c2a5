"""Faults of the table, each once: nothing is lost, nothing is stored twice, no alert is missing."""

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from stack.servers import Servers
from tests.chaos.conftest import OpenRig
from tests.chaos.faults import NETWORK, SHORT, Fault
from tests.chaos.rig import Rig, open_rig

# The servers are children of the session's loop.
pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]


async def strike(rig: Rig, fault: Fault) -> None:
    await fault.strike(rig, random.Random(fault.name))
    assert await rig.recovered() is not None, fault.name
    verdict = await rig.settle(listened=fault.broker_lives)
    assert verdict.faults == {}, fault.name
    assert verdict.is_well
    assert verdict.confirmed + verdict.recovered == verdict.attempted > 0


@pytest.mark.parametrize("fault", SHORT, ids=lambda each: each.name)
async def test_nothing_is_lost_or_doubled(rig_of: OpenRig, fault: Fault) -> None:
    async with rig_of() as rig:
        await rig.start(*fault.kinds)
        await strike(rig, fault)


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
