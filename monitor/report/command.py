"""``monitor report``: a day, a week or a month summed up, as text and as a page for a browser."""

import asyncio
import sys
from datetime import UTC
from pathlib import Path

from broker.program.escape import escape_text
from broker.program.process import run
from broker.program.settings import exit_with, read_settings
from ingestor.documents import utc_now
from monitor.cli.alarms import DisplayOptions
from monitor.cli.output import write_lines
from monitor.cli.settings import site_names
from monitor.queries.database import QueryError, open_database
from monitor.report.data import ReportData, load_report_data
from monitor.report.energy_sections import build_report
from monitor.report.html_page import render_html
from monitor.report.period import ReportPeriod
from monitor.report.settings import ReportSettings, chosen_day
from monitor.report.text_page import render_text

PROGRAM = "monitor report"


def report_command(arguments: list[str]) -> None:
    """Read the options, sum up, and write it: to a file as HTML, or else as text."""
    settings = read_settings(ReportSettings, arguments, PROGRAM)
    when = chosen_time(settings)
    if settings.html is not None:
        check_file(settings.html)

    async def ask(_: asyncio.Event) -> ReportData:
        async with open_database(settings.mongo_url) as database:
            return await load_report_data(database, when, site_names(settings.site))

    page = build_report(run("monitor", ask, QueryError))
    if settings.html is None:
        write_lines(render_text(page, colours=DisplayOptions.for_stdout().colours))
    else:
        write_file(settings.html, render_html(page))
        sys.stdout.write(f"Report written to {escape_text(str(settings.html))}.\n")


def chosen_time(settings: ReportSettings) -> ReportPeriod:
    """The time that is asked for; it must have begun."""
    if len(settings.units) > 1:
        both = " and ".join(f"--{unit}" for unit in settings.units)
        exit_with(PROGRAM, f"{both} cannot be combined; choose one of them")
    now = utc_now()
    day = chosen_day(settings, now.replace(tzinfo=UTC).astimezone(settings.zone))
    try:
        when = ReportPeriod.around(day, settings.units[0], settings.zone, now)
        has_begun = when.whole.first <= now
    except OverflowError:
        has_begun = False
    if not has_begun:
        exit_with(PROGRAM, f"--date {day}: this {settings.units[0]} has not begun yet")
    return when


def check_file(file: Path) -> None:
    """See whether a file can be written, before a long question is asked."""
    if file.is_dir():
        exit_with(PROGRAM, f"--html {file} is a folder; name a file")
    if not file.parent.is_dir():
        exit_with(PROGRAM, f"--html {file}: no such folder: {file.parent}; create it first")


def write_file(file: Path, text: str) -> None:
    """Write a file, over one that is there."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        exit_with(PROGRAM, f"--html {file}: cannot be written ({error.strerror})", 1)
