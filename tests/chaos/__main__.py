"""What ``scripts/chaos`` runs once everything is installed."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from broker.program.process import run, unless_stopped
from broker.program.settings import exit_with as end
from broker.program.settings import read_settings
from monitor.verify.verifier import verdict_lines
from stack.processes import ProcessError
from stack.secrets.credentials import Credentials
from stack.servers import start_servers
from tests.chaos.at_random import at_random, say
from tests.chaos.faults import EXCEPTIONS, FAULTS
from tests.chaos.rig import open_rig
from tests.chaos.settings import ChaosSettings
from tests.chaos.table import measure

PROGRAM = "scripts/chaos"
ROOT = Path(__file__).parent.parent.parent


async def chaos(settings: ChaosSettings, folder: Path) -> bool:
    """Break what runs in this folder; whether all was well in the end."""
    async with start_servers(folder / "servers", Credentials.generate()) as servers:
        if settings.table:
            return await measure(servers, folder, settings.seed, settings.only)
        async with open_rig(servers, "chaos", folder / "chaos") as rig:
            verdict = await at_random(rig, settings.minutes, settings.seed)
    say("\n".join(verdict_lines(verdict)))
    return verdict.passed


def main() -> None:
    """Read the options, break things, and end with status 1 unless all was well."""
    settings = read_settings(ChaosSettings, sys.argv[1:], PROGRAM)
    if not any(settings.only in fault.name for fault in (*FAULTS, *EXCEPTIONS)):
        end(PROGRAM, f"--only {settings.only!r}: no row of docs/guarantees.md has that in its name")
    if settings.only and not settings.table:
        end(PROGRAM, "--only chooses rows of the table; give --table too")
    folder = Path(tempfile.mkdtemp(prefix="energy-chaos-"))
    outcome: list[bool | None] = []

    async def until_told_to_stop(stop: asyncio.Event) -> None:
        outcome.append(await unless_stopped(chaos(settings, folder), stop))

    run(PROGRAM, until_told_to_stop, ProcessError, loop=asyncio.run)
    if outcome == [True]:
        shutil.rmtree(folder)
        return
    if outcome == [None]:
        say("Stopped before the end; nothing was counted.")
    say(f"Ledgers and logs are in {folder}.")
    raise SystemExit(1)


if __name__ == "__main__":
    main()
