"""Run an attack on a system of its own, and measure."""

import asyncio
import time
from pathlib import Path

from tests.attack.attacks import Attack
from tests.attack.gauge import Gauge, measured
from tests.attack.target import start_target

# What an attack leaves behind may hurt as well.
AFTER_S = 5.0
ONE_MORE_WITHIN_S = 60.0


async def run_attack(attack: Attack, seconds: float, folder: Path) -> Gauge:
    """Attack a fresh system.

    Args:
        attack: The attack.
        seconds: How long.
        folder: For the system's data and logs.
    """
    async with start_target(folder) as target, measured(target) as gauge:
        await attack(target, seconds)
        await asyncio.sleep(AFTER_S)  # what comes after the attack is measured too
        await _one_more(gauge)
        return gauge


async def _one_more(gauge: Gauge) -> None:
    """Wait until a neighbour's reading is stored after the attack: one that waits still counts."""
    before, began = gauge.readings, time.monotonic()
    while gauge.readings <= before:
        if time.monotonic() - began > ONE_MORE_WITHIN_S:
            gauge.note_stored(float("inf"))
            return
        await asyncio.sleep(0.1)  # between two looks
