"""``scripts/chaos --table``: measure the rows of docs/guarantees.md, and write each one there."""

import asyncio
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.verify.verifier import Verdict
from stack.servers import Servers
from tests.chaos.at_random import say
from tests.chaos.faults import EXCEPTIONS, FAULTS, Fault
from tests.chaos.rig import Rig, open_rig
from tests.chaos.strikes import NeverCameThereError

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "guarantees.md"
BEGIN, END = "<!-- measured: {} -->\n", "<!-- end -->"
COLUMNS = (
    "fault",
    "how it is measured",
    "exactly once for",
    "kills",
    "readings",
    "lost",
    "doubled",
    "alerts missing",
    "recovery, s",
)
SUMMED = ("kills", "readings", "lost", "doubled")
QUIET_S = 1.0


@dataclass(frozen=True, slots=True)
class Chapter:
    """One table of the document.

    Attributes:
        name: As in the document's marks.
        faults: Its rows.
        columns: Its columns.
        patience_s: How long to wait for a recovery, seconds.
    """

    name: str
    faults: Sequence[Fault]
    columns: tuple[str, ...]
    patience_s: float

    def read(self) -> dict[str, dict[str, str]]:
        """The rows that are there already, by fault."""
        section = DOCUMENT.read_text().split(BEGIN.format(self.name), 1)[1].split(END, 1)[0]
        rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
        return {row[0]: dict(zip(self.columns, row, strict=True)) for row in rows[2:]}

    def write(self, row: dict[str, str]) -> None:
        """Put a row in its place, and sum up anew."""
        rows = self.read() | {row["fault"]: row}
        inside = [rows[fault.name] for fault in self.faults if fault.name in rows]
        table = [self.columns, ["---"] * len(self.columns)]
        table += [[each[column] for column in self.columns] for each in inside]
        kills, readings, lost, doubled = (
            f"{sum(int(each[column].replace(',', '')) for each in inside):,}" for column in SUMMED
        )
        lines = ["| " + " | ".join(cells) + " |" for cells in table]
        lines += ["", f"In all: {kills} kills, {readings} readings, {lost} lost, {doubled} doubled."]
        before, rest = DOCUMENT.read_text().split(BEGIN.format(self.name), 1)
        after = rest.split(END, 1)[1]
        DOCUMENT.write_text(before + BEGIN.format(self.name) + "\n".join(lines) + "\n" + END + after)


PROMISES = Chapter("promises", FAULTS, COLUMNS, 60)
NO_PROMISE = Chapter(
    "no promise", EXCEPTIONS, tuple(each for each in COLUMNS if each != "exactly once for"), 10
)


async def measure(servers: Servers, folder: Path, seed: int, only: str) -> bool:
    """Measure rows and write them; whether every promise was kept.

    Args:
        servers: To be harmed.
        folder: For everything else.
        seed: Of the dice.
        only: Those whose name holds this text.
    """
    is_kept = True
    for chapter in (PROMISES, NO_PROMISE):
        wanted = [fault for fault in chapter.faults if only in fault.name]
        for number, fault in enumerate(wanted, start=1):
            site = f"{chapter.name.replace(' ', '-')}-{number}"
            rng = random.Random(f"{seed}:{fault.name}")
            async with open_rig(servers, site, folder / site) as rig:
                verdict, recoveries_s = await _measure_row(rig, fault, rng, chapter.patience_s)
            chapter.write(_to_row(fault, rig.kills, verdict, recoveries_s))
            say(
                f"{number:2} of {len(wanted)}  {fault.name}: {rig.kills} kills, "
                f"{verdict.attempted:,} readings, {len(verdict.lost)} lost, "
                f"{len(verdict.duplicated)} doubled"
            )
            is_kept &= verdict.passed or chapter is NO_PROMISE
    return is_kept


async def _measure_row(
    rig: Rig, fault: Fault, rng: random.Random, patience_s: float
) -> tuple[Verdict, list[float]]:
    rig.interval = "100ms"
    await rig.start(*fault.kinds)
    recoveries_s: list[float] = []
    for _ in range(fault.strikes):
        try:
            await fault.strike(rig, rng)
        except NeverCameThereError as error:
            say(f"    {error}")
        recovery_s = await rig.recovered(within_s=patience_s)
        if recovery_s is not None:
            recoveries_s.append(recovery_s)
        await asyncio.sleep(QUIET_S)  # so that strikes are counted apart
    return await rig.settle(listened=fault.broker_lives, within_s=patience_s), recoveries_s


def _to_row(fault: Fault, kills: int, verdict: Verdict, recoveries_s: Sequence[float]) -> dict[str, str]:
    recovery = "none"
    if recoveries_s:
        recovery = f"{statistics.median(recoveries_s):.1f}, at most {max(recoveries_s):.1f}"
    return {
        "fault": fault.name,
        "how it is measured": f"{fault.deed}; {fault.strikes} times",
        "exactly once for": fault.promise,
        "kills": str(kills),
        "readings": f"{verdict.attempted:,}",
        "lost": f"{len(verdict.lost):,}",
        "doubled": f"{len(verdict.duplicated):,}",
        "alerts missing": f"{len(verdict.alerts_missing):,}",
        "recovery, s": recovery,
    }
