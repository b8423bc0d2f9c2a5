"""Alarms as a list: what is wrong, where, since when, who has seen it; for operators, what they can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from nicegui import ui

from broker.plain import plain
from ingestor.documents import AlarmDocument, utc_now
from monitor.ages import short_age
from monitor.alarms import COLOURS
from monitor.web.access import Person
from monitor.web.act import acknowledge, ask_to_shelve
from monitor.web.frame import write
from monitor.web.sources import Sources
from monitor.web.words import clock, safe


@dataclass(frozen=True, slots=True)
class _Row:
    element: ui.element
    when: ui.html
    version: tuple[datetime, datetime | None]


class AlarmList:
    """Alarms one below the other. A row that has not changed stays what it is, and keeps the focus.

    Args:
        sources: What is shown.
        person: Who looks.
    """

    def __init__(self, sources: Sources, person: Person) -> None:
        self._sources = sources
        self._person = person
        self._rows: dict[str, _Row] = {}
        self._list = ui.element("ul").classes("alarms")

    def show(self, alarms: Sequence[AlarmDocument]) -> None:
        """Show these alarms, in this order."""
        wanted = {alarm["_id"]: (alarm["changed_at"], self._shelved(alarm)) for alarm in alarms}
        for name, row in list(self._rows.items()):
            if wanted.get(name) != row.version:
                row.element.delete()
                del self._rows[name]
        for place, alarm in enumerate(alarms):
            if alarm["_id"] not in self._rows:
                with self._list:
                    self._rows[alarm["_id"]] = self._draw(alarm)
            row = self._rows[alarm["_id"]]
            if self._list.default_slot.children[place] is not row.element:
                row.element.move(self._list, place)
            row.when.content = safe(f"{alarm['site']} · {alarm['rule']} · {_when(alarm, self._sources)}")
        self._list.visible = bool(alarms)

    def _shelved(self, alarm: AlarmDocument) -> datetime | None:
        return self._sources.live.shelved.get((alarm["sensor_id"], alarm["rule"]))

    def _draw(self, alarm: AlarmDocument) -> _Row:
        severity, shelved_until = look_of(alarm["severity"]), self._shelved(alarm)
        look = severity if _is_standing(alarm) else "past"
        with ui.element("li").classes(f"alarm {look}") as element:
            with ui.element("div").classes("alarm-what"):
                write(severity, "span", f"chip {severity}")
                write(alarm["message"], "span", "alarm-message")
            with ui.element("div").classes("alarm-where"):
                with ui.link("", f"/sensor/{alarm['sensor_id']}"):
                    write(alarm["sensor_id"], "span")
                when = write("", "span")
                write(to_state(alarm, shelved_until, self._sources), "span", "alarm-state")
            if _is_standing(alarm) and self._person.role == "operator":
                with ui.element("div").classes("alarm-do"):
                    self._draw_actions(alarm)
        return _Row(element, when, (alarm["changed_at"], shelved_until))

    def _draw_actions(self, alarm: AlarmDocument) -> None:
        of = plain(f"{alarm['rule']} of {alarm['sensor_id']}")
        if alarm["acknowledged_at"] is None:
            see = ui.button("Acknowledge", on_click=partial(acknowledge, self._sources, self._person, alarm))
            see.props["aria-label"] = f"Acknowledge {of}"
            see.props("dense unelevated")
        shelve = ui.button("Shelve", on_click=partial(ask_to_shelve, self._sources, self._person, alarm))
        shelve.props["aria-label"] = f"Shelve {of}"
        shelve.props("dense outline")


def look_of(severity: str) -> str:
    """The severity, or the mildest one for what somebody has written into the database by hand."""
    return severity if severity in COLOURS else "warning"


def to_state(alarm: AlarmDocument, shelved_until: datetime | None, sources: Sources) -> str:
    """Say in a few words how an alarm is."""
    if alarm["retracted_at"] is not None:
        return "taken back"
    parts = ["active" if alarm["cleared_at"] is None else "over"]
    if alarm["acknowledged_at"] is not None:
        parts.append(f"seen by {alarm['acknowledged_by']}" if alarm["acknowledged_by"] else "seen")
    elif _is_standing(alarm):
        parts.append("not seen yet")
    if shelved_until is not None and _is_standing(alarm):
        parts.append(f"shelved until {clock(shelved_until, sources.zone, form='%Y-%m-%d %H:%M')}")
    return ", ".join(parts)


def _is_standing(alarm: AlarmDocument) -> bool:
    waits = alarm["waits"] and alarm["acknowledged_at"] is None
    return alarm["retracted_at"] is None and (alarm["cleared_at"] is None or waits)


def _when(alarm: AlarmDocument, sources: Sources) -> str:
    since, end = alarm["since"], alarm["cleared_at"]
    lasts = short_age(((end or utc_now()) - since).total_seconds())
    return f"since {clock(since, sources.zone)}, {'lasted' if end else 'for'} {lasts}"
