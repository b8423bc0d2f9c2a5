"""Alarms as a list: what is wrong, where, since when, who has seen it; for operators, what they can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from nicegui import ui

from broker.escape import escape_text
from ingestor.documents import AlarmDocument, utc_now
from monitor.cli.alarms import SEVERITY_COLOURS
from monitor.formatting import format_age
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.formatting import escape_html, format_clock
from monitor.web.widgets.layout import add_text
from monitor.web.widgets.operator_actions import acknowledge, open_shelve_dialog


@dataclass(frozen=True, slots=True)
class _Row:
    element: ui.element
    when: ui.html
    version: tuple[datetime, datetime | None]


class AlarmListView:
    """Alarms one below the other. A row that has not changed stays what it is, and keeps the focus.

    Args:
        sources: What is shown.
        person: Who looks.
    """

    def __init__(self, sources: Dependencies, person: Session) -> None:
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
            row.when.content = escape_html(
                f"{alarm['site']} · {alarm['rule']} · {_alarm_time(alarm, self._sources)}"
            )
        self._list.visible = bool(alarms)

    def _shelved(self, alarm: AlarmDocument) -> datetime | None:
        return self._sources.live.shelved.get((alarm["sensor_id"], alarm["rule"]))

    def _draw(self, alarm: AlarmDocument) -> _Row:
        severity, shelved_until = severity_class(alarm["severity"]), self._shelved(alarm)
        look = severity if _is_active(alarm) else "past"
        with ui.element("li").classes(f"alarm {look}") as element:
            with ui.element("div").classes("alarm-what"):
                add_text(severity, "span", f"chip {severity}")
                add_text(alarm["message"], "span", "alarm-message")
            with ui.element("div").classes("alarm-where"):
                with ui.link("", f"/sensor/{alarm['sensor_id']}"):
                    add_text(alarm["sensor_id"], "span")
                when = add_text("", "span")
                add_text(alarm_state(alarm, shelved_until, self._sources), "span", "alarm-state")
            if _is_active(alarm) and self._person.role == "operator":
                with ui.element("div").classes("alarm-do"):
                    self._draw_actions(alarm)
        return _Row(element, when, (alarm["changed_at"], shelved_until))

    def _draw_actions(self, alarm: AlarmDocument) -> None:
        of = escape_text(f"{alarm['rule']} of {alarm['sensor_id']}")
        if alarm["acknowledged_at"] is None:
            see = ui.button("Acknowledge", on_click=partial(acknowledge, self._sources, self._person, alarm))
            see.props["aria-label"] = f"Acknowledge {of}"
            see.props("dense unelevated")
        shelve = ui.button("Shelve", on_click=partial(open_shelve_dialog, self._sources, self._person, alarm))
        shelve.props["aria-label"] = f"Shelve {of}"
        shelve.props("dense outline")


def severity_class(severity: str) -> str:
    """The severity, or the mildest one for what somebody has written into the database by hand."""
    return severity if severity in SEVERITY_COLOURS else "warning"


def alarm_state(alarm: AlarmDocument, shelved_until: datetime | None, sources: Dependencies) -> str:
    """Say in a few words how an alarm is."""
    if alarm["retracted_at"] is not None:
        return "taken back"
    parts = ["active" if alarm["cleared_at"] is None else "over"]
    if alarm["acknowledged_at"] is not None:
        parts.append(f"seen by {alarm['acknowledged_by']}" if alarm["acknowledged_by"] else "seen")
    elif _is_active(alarm):
        parts.append("not seen yet")
    if shelved_until is not None and _is_active(alarm):
        parts.append(f"shelved until {format_clock(shelved_until, sources.zone, form='%Y-%m-%d %H:%M')}")
    return ", ".join(parts)


def _is_active(alarm: AlarmDocument) -> bool:
    waits = alarm["waits"] and alarm["acknowledged_at"] is None
    return alarm["retracted_at"] is None and (alarm["cleared_at"] is None or waits)


def _alarm_time(alarm: AlarmDocument, sources: Dependencies) -> str:
    since, end = alarm["since"], alarm["cleared_at"]
    lasts = format_age(((end or utc_now()) - since).total_seconds())
    return f"since {format_clock(since, sources.zone)}, {'lasted' if end else 'for'} {lasts}"
