"""``monitor report``: a day, a week or a month summed up, as text and as a page for a browser."""

import asyncio
import sys
from datetime import UTC
from pathlib import Path

from broker.plain import plain
from broker.process import run
from broker.settings import read_settings, stop
from ingestor.documents import utc_now
from monitor.alarms import Look
from monitor.output import write_lines
from monitor.queries.database import QueryError, open_database
from monitor.report_figures import Figures, gather
from monitor.report_html import to_html
from monitor.report_settings import ReportSettings, chosen_day
from monitor.report_text import to_text
from monitor.report_time import ReportTime
from monitor.report_words import to_page

PROGRAM = "monitor report"


def report_command(arguments: list[str]) -> None:
    """Read the options, sum up, and write it: to a file as HTML, or else as text."""
    settings = read_settings(ReportSettings, arguments, PROGRAM)
    when = chosen_time(settings)
    if settings.html is not None:
        check_file(settings.html)
    found: list[Figures] = []

    async def ask(_: asyncio.Event) -> None:
        async with open_database(settings.mongo_url) as database:
            found.append(await gather(database, when, settings.sites))

    run("monitor", ask, QueryError)
    page = to_page(found[0])
    if settings.html is None:
        write_lines(to_text(page, colours=Look.here().colours))
    else:
        write_file(settings.html, to_html(page))
        sys.stdout.write(f"The report is in {plain(str(settings.html))}.\n")


def chosen_time(settings: ReportSettings) -> ReportTime:
    """Which time is asked for.

    Raises:
        SystemExit: With status 2 after one sentence if it is none that has begun.
    """
    if len(settings.units) > 1:
        both = " and ".join(f"--{unit}" for unit in settings.units)
        stop(PROGRAM, f"{both} are given; choose one of them")
    now = utc_now()
    day = chosen_day(settings, now.replace(tzinfo=UTC).astimezone(settings.zone))
    try:
        when = ReportTime.around(day, settings.units[0], settings.zone, now)
        has_begun = when.whole.first <= now
    except OverflowError:
        has_begun = False
    if not has_begun:
        stop(PROGRAM, f"--date {day}: this {settings.units[0]} has not begun yet")
    return when


def check_file(file: Path) -> None:
    """See whether a file can be written, before a long question is asked.

    Raises:
        SystemExit: With status 2 after one sentence if it cannot.
    """
    if file.is_dir():
        stop(PROGRAM, f"--html {file}: this is a folder; name a file")
    if not file.parent.is_dir():
        stop(PROGRAM, f"--html {file}: there is no folder {file.parent}; make it first")


def write_file(file: Path, text: str) -> None:
    """Write a file, over one that is there.

    Raises:
        SystemExit: With status 1 after one sentence if it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        stop(PROGRAM, f"--html {file}: cannot be written ({error.strerror})", 1)
