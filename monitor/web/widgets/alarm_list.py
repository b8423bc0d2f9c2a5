"""Alarms as a list: what is wrong, where, since when, who acknowledged it; with buttons for operators."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from nicegui import ui

from broker.program.escape import escape_text
from ingestor.documents import AlarmDocument, utc_now
from monitor.cli.alarms import SEVERITY_COLOURS
from monitor.formatting import format_age, format_clock
from monitor.queries.alarms import is_active
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.widgets.operator_actions import acknowledge, open_shelve_dialog
from monitor.web.widgets.text import Text


class _Row(NamedTuple):
    element: ui.element
    time: Text
    version: tuple[datetime, datetime | None]


class AlarmListView:
    """Alarms one below the other. A row that has not changed stays as it is, and keeps the focus."""

    def __init__(self, deps: Dependencies, session: Session) -> None:
        self._deps = deps
        self._session = session
        self._rows: dict[str, _Row] = {}
        self._list = ui.element("ul").classes("alarms")

    def show(self, alarms: Sequence[AlarmDocument]) -> None:
        """Show these alarms, in this order."""
        wanted = {alarm["_id"]: (alarm["changed_at"], self._shelved_until(alarm)) for alarm in alarms}
        for name, row in list(self._rows.items()):
            if wanted.get(name) != row.version:
                row.element.delete()
                del self._rows[name]
        for position, alarm in enumerate(alarms):
            if alarm["_id"] not in self._rows:
                with self._list:
                    self._rows[alarm["_id"]] = self._draw(alarm)
            row = self._rows[alarm["_id"]]
            if self._list.default_slot.children[position] is not row.element:
                row.element.move(self._list, position)
            row.time.show(f"{alarm['site']} · {alarm['rule']} · {_alarm_time(alarm, self._deps)}")
        self._list.visible = bool(alarms)

    def _shelved_until(self, alarm: AlarmDocument) -> datetime | None:
        return self._deps.live.shelved.get((alarm["sensor_id"], alarm["rule"]))

    def _draw(self, alarm: AlarmDocument) -> _Row:
        severity, shelved_until = severity_class(alarm["severity"]), self._shelved_until(alarm)
        with ui.element("li").classes(f"alarm {severity if is_active(alarm) else 'past'}") as element:
            with ui.element("div").classes("alarm-what"):
                Text(severity, "span", f"chip {severity}")
                Text(alarm["message"], "span", "alarm-message")
            with ui.element("div").classes("alarm-where"):
                with ui.link("", f"/sensor/{alarm['sensor_id']}"):
                    Text(alarm["sensor_id"], "span")
                time = Text("", "span")
                Text(alarm_state(alarm, shelved_until, self._deps), "span", "alarm-state")
            if is_active(alarm) and self._session.role == "operator":
                with ui.element("div").classes("alarm-do"):
                    self._draw_actions(alarm)
        return _Row(element, time, (alarm["changed_at"], shelved_until))

    def _draw_actions(self, alarm: AlarmDocument) -> None:
        subject = escape_text(f"{alarm['rule']} of {alarm['sensor_id']}")
        actions = {"Acknowledge": acknowledge, "Mute": open_shelve_dialog}
        if alarm["acknowledged_at"] is not None:
            del actions["Acknowledge"]
        for label, action in actions.items():
            button = ui.button(label, on_click=partial(action, self._deps, self._session, alarm))
            button.props["aria-label"] = f"{label} {subject}"
            button.props("dense unelevated" if action is acknowledge else "dense outline")


def severity_class(severity: str) -> str:
    """The severity; the mildest one instead of an unknown one that somebody wrote into the database."""
    return severity if severity in SEVERITY_COLOURS else "warning"


def alarm_state(alarm: AlarmDocument, shelved_until: datetime | None, deps: Dependencies) -> str:
    """The state of an alarm in a few words."""
    if alarm["retracted_at"] is not None:
        return "Retracted"
    parts = ["Active" if alarm["cleared_at"] is None else "Ended"]
    if alarm["acknowledged_at"] is not None:
        by = alarm["acknowledged_by"]
        parts.append(f"acknowledged by {by}" if by else "acknowledged")
    elif is_active(alarm):
        parts.append("not acknowledged")
    if shelved_until is not None and is_active(alarm):
        parts.append(f"muted until {format_clock(shelved_until, deps.zone, form='%Y-%m-%d %H:%M')}")
    return ", ".join(parts)


def _alarm_time(alarm: AlarmDocument, deps: Dependencies) -> str:
    since, end = alarm["since"], alarm["cleared_at"]
    age = format_age(((end or utc_now()) - since).total_seconds())
    return f"since {format_clock(since, deps.zone)}, {'lasted' if end else 'for'} {age}"
