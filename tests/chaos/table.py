"""``scripts/chaos --table``: measure every row of docs/guarantees.md, and write them there."""

import asyncio
import random
import statistics
from dataclasses import dataclass
from pathlib import Path

from monitor.verdict import Verdict
from tests.chaos.at_random import say
from tests.chaos.faults import EXCEPTIONS, FAULTS, Fault
from tests.chaos.rig import Rig, open_rig
from tests.chaos.strikes import NeverCameThereError
from tests.servers import Servers

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
QUIET_S = 1.0
PROMISED = COLUMNS.index("exactly once for")


@dataclass(frozen=True, slots=True)
class Row:
    """One row, measured.

    Attributes:
        recoveries_s: For each strike, how long until every reading made before its end was stored.
    """

    fault: Fault
    kills: int
    verdict: Verdict
    recoveries_s: list[float]

    def cells(self) -> list[str]:
        """As many as there are columns."""
        fault, verdict = self.fault, self.verdict
        recovery = "none"
        if self.recoveries_s:
            recovery = f"{statistics.median(self.recoveries_s):.1f}, at most {max(self.recoveries_s):.1f}"
        return [
            fault.name,
            f"{fault.deed}; {fault.strikes} times",
            fault.promise,
            str(self.kills),
            f"{verdict.attempted:,}",
            f"{len(verdict.lost):,}",
            f"{len(verdict.duplicated):,}",
            f"{len(verdict.alerts_missing):,}",
            recovery,
        ]


async def measure(servers: Servers, folder: Path, seed: int) -> bool:
    """Measure all rows and write the tables; whether every promise was kept."""
    kept = await _measure_rows(FAULTS, servers, folder, seed, patience_s=60)
    broken = await _measure_rows(EXCEPTIONS, servers, folder, seed, patience_s=10)
    total = sum(row.kills for row in [*kept, *broken])
    summary = (
        f"{total} kills, {sum(row.verdict.attempted for row in kept):,} readings in this table: "
        f"{sum(len(row.verdict.lost) for row in kept)} lost, "
        f"{sum(len(row.verdict.duplicated) for row in kept)} doubled."
    )
    say(summary)
    text = DOCUMENT.read_text()
    text = _replace(text, "promises", [*_lines(kept, promised=True), "", summary])
    DOCUMENT.write_text(_replace(text, "no promise", _lines(broken, promised=False)))
    return all(row.verdict.is_well for row in kept)


def _lines(rows: list[Row], *, promised: bool) -> list[str]:
    """A table in Markdown; what is not promised has no column for whom it is."""
    table = [list(COLUMNS), ["---"] * len(COLUMNS), *(row.cells() for row in rows)]
    if not promised:
        table = [[*cells[:PROMISED], *cells[PROMISED + 1 :]] for cells in table]
    return ["| " + " | ".join(cells) + " |" for cells in table]


def _replace(text: str, name: str, lines: list[str]) -> str:
    before, rest = text.split(BEGIN.format(name), 1)
    return before + BEGIN.format(name) + "\n".join(lines) + "\n" + END + rest.split(END, 1)[1]


async def _measure_rows(
    faults: list[Fault], servers: Servers, folder: Path, seed: int, patience_s: float
) -> list[Row]:
    rows: list[Row] = []
    for number, fault in enumerate(faults, start=1):
        site = f"site-{patience_s:.0f}-{number}"
        async with open_rig(servers, site, folder / site) as rig:
            rows.append(await _measure_row(rig, fault, random.Random(f"{seed}:{fault.name}"), patience_s))
        row = rows[-1]
        say(
            f"{number:2} of {len(faults)}  {fault.name}: {row.kills} kills, "
            f"{row.verdict.attempted:,} readings, {len(row.verdict.lost)} lost, "
            f"{len(row.verdict.duplicated)} doubled"
        )
    return rows


async def _measure_row(rig: Rig, fault: Fault, rng: random.Random, patience_s: float) -> Row:
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
        await asyncio.sleep(QUIET_S)
    verdict = await rig.settle(listened=fault.broker_lives, within_s=patience_s)
    return Row(fault, rig.kills, verdict, recoveries_s)
