"""Each fault of the table, once or twice: nothing is lost, nothing is stored twice, no alert is missing."""

import random

import pytest

from tests.chaos.conftest import OpenRig
from tests.chaos.faults import FAULTS, Fault

# The servers are children of the session's loop.
pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]

LONG = {"mongod away for a minute"}


@pytest.mark.parametrize(
    "fault", [each for each in FAULTS if each.name not in LONG], ids=lambda each: each.name
)
async def test_nothing_is_lost_or_doubled(rig_of: OpenRig, fault: Fault) -> None:
    rng = random.Random(fault.name)
    async with rig_of() as rig:
        await rig.start(*fault.kinds)
        await fault.strike(rig, rng)
        assert await rig.recovered() is not None
        verdict = await rig.settle(listened=fault.broker_lives)
    assert verdict.faults == {}
    assert verdict.is_well
    assert verdict.confirmed + verdict.recovered == verdict.attempted > 0
