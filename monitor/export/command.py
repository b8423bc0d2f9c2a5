"""``monitor export``: write readings to a file."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from broker.program.escape import escape_text
from broker.program.process import run, unless_stopped
from broker.program.settings import read_settings
from ingestor.documents import Measure
from monitor.export.formats import FORMATS, FormatName
from monitor.export.settings import PROGRAM, ExportSettings, choose_format
from monitor.export.target import ExportError, ExportTarget
from monitor.formatting import format_count
from monitor.queries.database import QueryError, open_database
from monitor.queries.readings import ReadingQueries
from monitor.queries.sensors import SensorQueries, UnknownSensorError

BAR_COLUMNS = 24


def export_command(arguments: list[str]) -> None:
    """Read the options and write the file."""
    settings = read_settings(ExportSettings, arguments, PROGRAM)
    chosen = choose_format(settings.file, settings.format)
    target = ExportTarget(settings.file)

    async def work(ended: asyncio.Event) -> None:
        try:
            exported = await unless_stopped(export(settings, chosen, target), ended)
        except QueryError as error:
            raise ExportError(f"{error}; {target.loss}") from error
        except BrokenPipeError:
            # Whoever reads has read enough, as `head` does.
            return
        if exported is None:
            raise ExportError(f"stopped; {target.loss}")
        sys.stderr.write(f"{exported} written to {escape_text(str(target))}.\n")

    run("monitor", work, ExportError)


async def export(settings: ExportSettings, chosen: FormatName, target: ExportTarget) -> str:
    """Write all readings that are asked for, and say how many there were.

    Raises:
        ExportError: A sensor is not known, or the target cannot be written.
        BrokenPipeError: Whoever reads standard output has read enough.
    """
    target.check(force=settings.force)
    span, wanted = settings.span, settings.sensor_ids
    readings, seen = 0, set[str]()
    async with open_database(settings.mongo_url) as database:
        sensors = await SensorQueries(database).all()
        check_known(wanted, [each["sensor_id"] for each in sensors])
        locations = {each["sensor_id"]: each["own_location"] for each in sensors if each.get("own_location")}
        stored = ReadingQueries(database)
        with target.open() as out, closing(FORMATS[chosen](out)) as writer, _progress(target) as progress:
            bar = progress.add_task("counting", total=None)
            if not progress.disable:
                # It is only for the bar: without it there is no time left to see.
                with suppress(QueryError):
                    total = await stored.count_all(wanted, span)
                    progress.update(bar, total=total, description="left")
            async for batch in stored.batches(wanted, span):
                _set_locations(batch, locations, on_terminal=target.is_terminal)
                writer.write(batch)
                readings += len(batch)
                seen.update([each["sensor_id"] for each in batch])
                progress.update(bar, completed=readings)
    return f"{format_count(readings, 'reading')} of {format_count(len(seen), 'sensor')}"


def check_known(wanted: Sequence[str], known: Sequence[str]) -> None:
    """Let sensors pass that are known."""
    for name in wanted:
        if name not in known:
            raise ExportError(str(UnknownSensorError(name, known)))


def _set_locations(batch: Sequence[Measure], locations: Mapping[str, str], *, on_terminal: bool) -> None:
    if not locations and not on_terminal:
        return
    for measure in batch:
        measure["location"] = locations.get(measure["sensor_id"], measure["location"])
        if on_terminal:
            measure["sensor_id"] = escape_text(measure["sensor_id"])
            measure["site"] = escape_text(measure["site"])
            measure["location"] = escape_text(measure["location"]) if measure["location"] else None


class _Rate(ProgressColumn):
    """How fast it goes."""

    def render(self, task: Task) -> Text:
        """Write readings per second."""
        return Text(f"{task.speed or 0:,.0f}/s")


def _progress(target: ExportTarget) -> Progress:
    # Where the readings themselves are shown, a bar would run through them.
    shown = sys.stderr.isatty() and not target.is_terminal
    return Progress(
        BarColumn(BAR_COLUMNS),
        TextColumn("{task.completed:,.0f} readings"),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not shown,
    )
