"""``monitor alarms``: the active alarms, as lines for people."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial

from broker.program.escape import escape_text
from broker.program.process import run
from broker.program.settings import read_settings
from ingestor.documents import AlarmDocument, utc_now
from monitor.cli.output import write_lines
from monitor.cli.settings import AlarmsSettings, site_names
from monitor.formatting import format_count
from monitor.queries.alarms import AlarmQueries
from monitor.queries.database import QueryError, open_database
from monitor.text_table import fill_lines, wrap

INDENT = " " * 4
MIN_WIDTH = 20
SEVERITY_COLOURS = {"critical": "1;31", "major": "31", "minor": "33", "warning": "36"}
SEVERITY_RANKS = {severity: rank for rank, severity in enumerate(SEVERITY_COLOURS)}

ShelvedRules = Mapping[tuple[str, str], datetime]
"""Until when (UTC, naive) each rule of each sensor is shelved that is."""


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """How many columns are used, whether with colours, and in which time zone (None: the machine's own)."""

    width: int
    colours: bool
    now: datetime
    zone: tzinfo | None = None

    @classmethod
    def for_stdout(cls) -> "DisplayOptions":
        """What suits the terminal, or the file or pipe, that output goes to."""
        if not sys.stdout.isatty():
            return cls(sys.maxsize, colours=False, now=utc_now())
        colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(shutil.get_terminal_size().columns, colours, utc_now())

    def clock(self, moment: datetime, form: str = "%H:%M") -> str:
        """Write a document's time for people, with the day unless it is today."""
        local, today = (each.replace(tzinfo=UTC).astimezone(self.zone) for each in (moment, self.now))
        return local.strftime(form if local.date() == today.date() else "%Y-%m-%d %H:%M")


def alarms_command(arguments: list[str]) -> None:
    """Read the options and list alarms."""
    settings = read_settings(AlarmsSettings, arguments, "monitor alarms")
    write_lines(run("monitor", partial(_list_alarms, settings, DisplayOptions.for_stdout()), QueryError))


async def _list_alarms(settings: AlarmsSettings, display: DisplayOptions, _: asyncio.Event) -> list[str]:
    sites = site_names(settings.site)
    async with open_database(settings.mongo_url) as database:
        await database.ping()
        queries = AlarmQueries(database)
        active, shelved = worst_first(await queries.active(sites)), await queries.shelved()
        ended = await queries.ended(sites) if settings.all else []
    lines = [
        line
        for alarm in active
        for line in alarm_lines(alarm, shelved.get((alarm["sensor_id"], alarm["rule"])), display)
    ]
    if ended:
        lines += ["Ended:", *(line for alarm in ended for line in alarm_lines(alarm, None, display)), ""]
    return [*lines, summary(active, shelved, sites)]


def worst_first(alarms: Iterable[AlarmDocument]) -> list[AlarmDocument]:
    """Sort by severity, of each the newest first."""
    newest_first = sorted(alarms, key=lambda alarm: (alarm["since"], alarm["_id"]), reverse=True)
    return sorted(newest_first, key=lambda alarm: SEVERITY_RANKS.get(alarm["severity"], len(SEVERITY_RANKS)))


def alarm_lines(alarm: AlarmDocument, shelved_until: datetime | None, display: DisplayOptions) -> list[str]:
    """Describe one alarm, of which the rule may be shelved until some time (UTC, naive)."""
    severity = alarm["severity"]
    since = display.clock(alarm["since"], "%H:%M:%S")
    parts = [
        f"{severity:<8}",
        since,
        alarm["sensor_id"],
        alarm["rule"],
        _state(alarm, shelved_until, display),
    ]
    width = max(display.width, MIN_WIDTH) - len(INDENT)
    first, *rest = fill_lines(map(escape_text, parts), "  ", width)
    if display.colours and severity in SEVERITY_COLOURS:
        first = f"\x1b[{SEVERITY_COLOURS[severity]}m{severity}\x1b[0m{first.removeprefix(severity)}"
    rest += wrap(escape_text(alarm["message"]), width)
    # Whoever copies the id must get all of it: this line is never broken.
    return [first, *(INDENT + line for line in [*rest, escape_text(alarm["_id"])])]


def _state(alarm: AlarmDocument, shelved_until: datetime | None, display: DisplayOptions) -> str:
    if alarm["retracted_at"] is not None:
        return "retracted"
    if shelved_until is not None:
        return f"muted until {display.clock(shelved_until)}"
    state = "active" if alarm["cleared_at"] is None else "ended"
    if alarm["acknowledged_at"] is not None:
        by = f" by {alarm['acknowledged_by']}" if alarm["acknowledged_by"] else ""
        return f"{state}, acknowledged{by}"
    return "ended, not acknowledged" if state == "ended" and alarm["waits"] else state


def summary(active: Sequence[AlarmDocument], shelved: ShelvedRules, sites: Sequence[str]) -> str:
    """Say how many are active, and how many of these wait for somebody to acknowledge them."""
    at = f" at {' and '.join(sites)}" if sites else ""
    waiting = sum(
        alarm["acknowledged_at"] is None and (alarm["sensor_id"], alarm["rule"]) not in shelved
        for alarm in active
    )
    if not active:
        return f"No active alarms{at}."
    of_them = f" {waiting:,} of them" if len(active) > 1 else ""
    end = f",{of_them} not acknowledged." if waiting else "."
    return f"{format_count(len(active), 'active alarm')}{at}{end}"
