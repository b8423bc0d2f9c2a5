"""``monitor alarms``: the alarms that stand, as lines for people."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from unicodedata import east_asian_width

from broker.escape import escape_text
from broker.process import run
from broker.settings import read_settings
from ingestor.documents import AlarmDocument, utc_now
from monitor.cli.output import write_lines
from monitor.cli.settings import AlarmsSettings
from monitor.queries.alarms import open_alarm_queries
from monitor.queries.database import QueryError

INDENT = " " * 4
MIN_WIDTH = 20
SEVERITY_COLOURS = {"critical": "1;31", "major": "31", "minor": "33", "warning": "36"}
SEVERITY_RANKS = {severity: rank for rank, severity in enumerate(SEVERITY_COLOURS)}

ShelvedRules = Mapping[tuple[str, str], datetime]
"""Until when (UTC, naive) each rule of each sensor is shelved that is."""


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """How alarms are shown.

    Attributes:
        width: Columns.
        colours: Whether severities have one.
        now: This moment, UTC, naive: what is of today is shown without the day.
        zone: Of the times shown; the machine's own if None.
    """

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
    lines: list[str] = []

    async def look(_: asyncio.Event) -> None:
        lines.extend(
            await list_alarms(
                settings.mongo_url, settings.sites, DisplayOptions.for_stdout(), also_over=settings.all
            )
        )

    run("monitor", look, QueryError)
    write_lines(lines)


async def list_alarms(
    mongo_url: str, sites: Sequence[str], look: DisplayOptions, *, also_over: bool
) -> list[str]:
    """Look up what stands and describe it.

    Args:
        mongo_url: The database.
        sites: Of which sites; all if none is named.
        look: How it is shown.
        also_over: Whether the last ones that are over are listed too.

    Raises:
        QueryError: The database does not answer.
    """
    async with open_alarm_queries(mongo_url) as episodes:
        standing = await episodes.active(sites)
        shelved = await episodes.shelved()
        over = await episodes.ended(sites) if also_over else []
    lines = list(_all_lines(worst_first(standing), shelved, look))
    if over:
        lines += ["Ended:", *_all_lines(over, {}, look), ""]
    return [*lines, summary(standing, shelved, sites)]


def worst_first(alarms: Iterable[AlarmDocument]) -> list[AlarmDocument]:
    """Sort by severity, of each the newest first."""
    newest_first = sorted(alarms, key=lambda alarm: (alarm["since"], alarm["_id"]), reverse=True)
    return sorted(newest_first, key=lambda alarm: SEVERITY_RANKS.get(alarm["severity"], len(SEVERITY_RANKS)))


def _all_lines(alarms: Iterable[AlarmDocument], shelved: ShelvedRules, look: DisplayOptions) -> Iterator[str]:
    for alarm in alarms:
        yield from alarm_lines(alarm, shelved.get((alarm["sensor_id"], alarm["rule"])), look)


def alarm_lines(alarm: AlarmDocument, shelved_until: datetime | None, look: DisplayOptions) -> list[str]:
    """Describe one alarm.

    Args:
        alarm: What is stored of it.
        shelved_until: Until when its rule is shelved (UTC, naive), if it is.
        look: How it is shown.
    """
    severity = alarm["severity"]
    since = look.clock(alarm["since"], "%H:%M:%S")
    parts = [f"{severity:<8}", since, alarm["sensor_id"], alarm["rule"], _state(alarm, shelved_until, look)]
    first, *rest = _fold(map(escape_text, parts), "  ", look.width)
    if look.colours and severity in SEVERITY_COLOURS:
        first = f"\x1b[{SEVERITY_COLOURS[severity]}m{severity}\x1b[0m{first.removeprefix(severity)}"
    rest += _fold(escape_text(alarm["message"]).split(), " ", look.width)
    # Whoever copies the id must get all of it: this line is never broken.
    return [first, *(INDENT + line for line in [*rest, escape_text(alarm["_id"])])]


def _state(alarm: AlarmDocument, shelved_until: datetime | None, look: DisplayOptions) -> str:
    if alarm["retracted_at"] is not None:
        return "retracted"
    if shelved_until is not None:
        return f"muted until {look.clock(shelved_until)}"
    state = "active" if alarm["cleared_at"] is None else "ended"
    if alarm["acknowledged_at"] is not None:
        return (
            f"{state}, acknowledged by {alarm['acknowledged_by']}"
            if alarm["acknowledged_by"]
            else f"{state}, acknowledged"
        )
    return "ended, not acknowledged" if state == "ended" and alarm["waits"] else state


def _fold(parts: Iterable[str], gap: str, width: int) -> list[str]:
    """Fill lines with parts, leaving room for the indent; a part too long for a line is cut."""
    room = max(width, MIN_WIDTH) - len(INDENT)
    lines: list[list[str]] = []
    used = 0
    for part in parts:
        wide = columns(part)
        if lines and used + len(gap) + wide <= room:
            lines[-1] += [gap, part]
            used += len(gap) + wide
        else:
            pieces = [part] if wide <= room else list(_cut(part, room))
            lines += [[piece] for piece in pieces]
            used = columns(pieces[-1])
    return ["".join(line) for line in lines]


def _cut(part: str, room: int) -> Iterator[str]:
    start = used = 0
    for place, character in enumerate(part):
        used += columns(character)
        if used > room:
            yield part[start:place]
            start, used = place, columns(character)
    yield part[start:]


def columns(text: str) -> int:
    """How wide a terminal shows a text."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def summary(standing: Sequence[AlarmDocument], shelved: ShelvedRules, sites: Sequence[str]) -> str:
    """Say how many stand, and how many of these wait for somebody to see them."""
    count = len(standing)
    at = f" at {' and '.join(sites)}" if sites else ""
    unseen = sum(
        alarm["acknowledged_at"] is None and (alarm["sensor_id"], alarm["rule"]) not in shelved
        for alarm in standing
    )
    if count == 0:
        return f"No active alarms{at}."
    if count == 1:
        return f"1 active alarm{at}" + (", not acknowledged." if unseen else ".")
    return f"{count:,} active alarms{at}" + (f", {unseen:,} of them not acknowledged." if unseen else ".")
