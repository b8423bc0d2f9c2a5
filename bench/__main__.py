"""What ``scripts/bench`` runs once everything is installed."""

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench import document
from bench.chapters import CHAPTERS, Findings
from bench.plot import draw
from bench.processes import BenchError
from bench.rig import ROOT, open_rig
from bench.settings import BenchSettings
from broker.program.process import run, unless_stopped
from broker.program.settings import exit_with as end
from broker.program.settings import read_settings
from stack.processes import ProcessError

PROGRAM = "scripts/bench"
RESULTS = ROOT / "var" / "bench"


async def bench(settings: BenchSettings, folder: Path, console: Console) -> Findings:
    """Measure what is asked for."""
    found = Findings()
    chosen = [settings.only] if settings.only else list(CHAPTERS)
    rounds = 1 if settings.quick else settings.rounds
    columns = TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting a broker and a database", total=len(chosen))
        async with open_rig(folder) as rig:
            for name in chosen:
                await CHAPTERS[name](
                    rig,
                    found,
                    lambda what: progress.update(task, description=what[:50]),
                    rounds=rounds,
                    quick=settings.quick,
                )
                progress.advance(task)
    return found


def show(found: Findings, settings: BenchSettings, console: Console) -> None:
    """Print the tables, and write the files."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "results.json").write_text(json.dumps(found.raw, indent=1) + "\n")
    files = [RESULTS / "results.json"]
    for table in found.tables:
        console.print(table.to_rich())
    if found.samples:
        draw(found.samples, RESULTS / "performance.svg")
        files.append(RESULTS / "performance.svg")
    if settings.document:
        document.write(found.tables)
        if found.samples:
            shutil.copy(RESULTS / "performance.svg", document.PLOT)
        files.append(document.DOCUMENT)
    console.print("Written: " + ", ".join(str(each.relative_to(ROOT)) for each in files))


def main() -> None:
    """Read the options, measure, and show."""
    settings = read_settings(BenchSettings, sys.argv[1:], PROGRAM)
    if settings.quick and settings.document:
        end(PROGRAM, "--document is not for a first impression; leave out --quick")
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="energy-bench-"))
    done: list[Findings | None] = []

    async def until_told_to_stop(stop: asyncio.Event) -> None:
        done.append(await unless_stopped(bench(settings, folder, console), stop))

    run(PROGRAM, until_told_to_stop, ProcessError, BenchError)
    shutil.rmtree(folder)
    if (found := done[0]) is None:
        end(PROGRAM, "stopped before the end; nothing was written", 130)
    show(found, settings, console)


if __name__ == "__main__":
    main()
