"""What ``scripts/attack`` runs once everything is installed."""

import asyncio
import logging
import shutil
import sys
import tempfile
from pathlib import Path

from broker.program.process import print_line, run, unless_stopped
from broker.program.settings import read_settings
from stack.processes import ProcessError
from tests.attack.attacks import ATTACKS
from tests.attack.run import run_attack
from tests.attack.settings import AttackSettings
from tests.attack.verdict import HEADINGS, Limits, measured_line, table_line

PROGRAM = "scripts/attack"


async def attack(settings: AttackSettings, folder: Path) -> bool:
    """Attack, and tell after each attack what it did; whether what is promised was kept."""
    limits, kept = Limits.promised(), True
    print_line(table_line(*HEADINGS))
    print_line(limits.line())
    for name in ATTACKS if settings.attack == "all" else (settings.attack,):
        own = folder / name
        await asyncio.to_thread(own.mkdir)
        gauge = await run_attack(ATTACKS[name], settings.seconds, own)
        print_line(measured_line(name, gauge))
        for sentence in limits.exceeded(gauge):
            kept = False
            print_line(f"  {name}: {sentence}")
    return kept


def main() -> None:
    """Read the options, attack, and end with status 1 unless what is promised was kept."""
    settings = read_settings(AttackSettings, sys.argv[1:], PROGRAM)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="energy-attack-"))
    outcome: list[bool | None] = []

    async def until_told_to_stop(stop: asyncio.Event) -> None:
        outcome.append(await unless_stopped(attack(settings, folder), stop))

    run(PROGRAM, until_told_to_stop, ProcessError, loop=asyncio.run)
    if outcome == [True]:
        shutil.rmtree(folder)
        return
    print_line("Stopped before the end." if outcome == [None] else f"The logs are in {folder}.")
    raise SystemExit(1)


if __name__ == "__main__":
    main()
