"""``scripts/chaos --minutes 10 --seed 7``: whatever comes to mind, for as long as you like."""

import asyncio
import random
import sys
import time

from monitor.verify.verifier import Verdict
from tests.chaos.faults import FAULTS
from tests.chaos.rig import Rig
from tests.chaos.strikes import NeverCameThereError

KINDS = ("durable", "durable")
# Long ones are drawn as rarely as they are long.
WEIGHTS = [1.0 if fault.strikes > 3 else 0.3 for fault in FAULTS]


async def at_random(rig: Rig, minutes: float, seed: int) -> Verdict:
    """Strike at random, without waiting for a recovery, and say what came of the readings.

    Args:
        rig: Everything that may be harmed.
        minutes: For how long.
        seed: Of the dice.
    """
    rng, began = random.Random(seed), time.monotonic()
    await rig.start(*KINDS)
    while time.monotonic() - began < minutes * 60:
        fault = rng.choices(FAULTS, WEIGHTS)[0]
        passed_s = int(time.monotonic() - began)
        say(f"{passed_s // 60:3}:{passed_s % 60:02}  {fault.name}")
        try:
            await fault.strike(rig, rng)
        except NeverCameThereError as error:
            say(f"        {error}")
        await asyncio.sleep(rng.uniform(0, 2))  # faults come at any moment
    recovery_s = await rig.recovered()
    say(
        f"{rig.kills} kills; "
        + ("not recovered" if recovery_s is None else f"recovered in {recovery_s:.1f} s")
    )
    return await rig.settle(listened=False)


def say(line: str) -> None:
    """Tell the user."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
