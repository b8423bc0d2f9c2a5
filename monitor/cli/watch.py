"""``monitor watch``: what comes in, as a picture of all sensors or as one line per stored reading."""

import asyncio
import logging
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, tzinfo

from broker.program.escape import escape_text
from broker.program.process import run
from broker.program.settings import read_settings
from ingestor.documents import Measure
from monitor.cli.settings import WatchSettings
from monitor.cli.watch_screen import show
from monitor.formatting import format_number
from monitor.queries.database import QueryError, open_database
from monitor.queries.tail import ReadingTail

LOOK_EVERY_S = 0.25
SHOWN_AT_ONCE = 40
INDENT = " " * 12

logger = logging.getLogger(__name__)


def watch_command(arguments: list[str]) -> None:
    """Read the options and show what comes in until told to stop."""
    settings = read_settings(WatchSettings, arguments, "monitor watch")

    async def follow(ended: asyncio.Event) -> None:
        async with open_database(settings.mongo_url) as database:
            if settings.lines or not sys.stdout.isatty():
                await watch(ReadingTail(database), ended)
            else:
                await show(database, ended)

    run("monitor", follow, QueryError)


async def watch(tail: ReadingTail, stop: asyncio.Event) -> None:
    """Print readings as they are stored until told to stop."""
    silent = False
    while True:
        ending = stop.is_set()
        try:
            measures = await tail.new()
        except QueryError as error:
            if not silent:
                logger.warning("%s; retrying.", error)
            silent = True
        else:
            silent = False
            _print(measures)
        if ending:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)


def _print(measures: Sequence[Measure]) -> None:
    # A terminal is as wide as it is; a file or a pipe gets each reading on one line.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    hidden = len(measures) - SHOWN_AT_ONCE
    if hidden > 0:
        sys.stdout.write(f"{INDENT}… {hidden} more readings\n")
    for measure in measures[-SHOWN_AT_ONCE:]:
        sys.stdout.write(reading_line(measure, width) + "\n")
    sys.stdout.flush()


def reading_line(measure: Measure, width: int, zone: tzinfo | None = None) -> str:
    """Describe one reading; a line of more columns is broken before its second part."""
    time = measure["timestamp"].replace(tzinfo=UTC).astimezone(zone).strftime("%H:%M:%S")
    place = ", ".join(escape_text(part) for part in (measure["location"], measure["sensor_id"]) if part)
    if measure["is_anomaly"]:
        mark, detail = "🔴", f"Action required: {place}"
    else:
        mark, detail = "🟢", f"{format_number(measure['value_kwh'])} kWh, {place}"
    line = f"{time} {mark} {escape_text(measure['status_message'])}"
    # The mark is two columns wide.
    separator = " " if len(line) + 1 + 1 + len(detail) <= width else f"\n{INDENT}"
    return line + separator + detail
