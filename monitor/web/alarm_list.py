"""Alarms as a list: what is wrong, where, since when, who has seen it; for operators, what they can do."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from nicegui import ui

from ingestor.documents import AlarmDocument, utc_now
from monitor.alarms import COLOURS
from monitor.web.access import Person
from monitor.web.act import acknowledge, ask_to_shelve
from monitor.web.frame import write
from monitor.web.sources import Sources
from monitor.web.words import age, clock


def list_alarms(sources: Sources, person: Person, alarms: Sequence[AlarmDocument]) -> None:
    """Draw alarms one below the other."""
    with ui.element("ul").classes("alarms"):
        for alarm in alarms:
            shelved_until = sources.live.shelved.get((alarm["sensor_id"], alarm["rule"]))
            _draw(sources, person, alarm, shelved_until)


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
    elif alarm["cleared_at"] is None or alarm["waits"]:
        parts.append("not seen yet")
    if shelved_until is not None and alarm["cleared_at"] is None:
        parts.append(f"shelved until {clock(shelved_until, sources.zone, form='%Y-%m-%d %H:%M')}")
    return ", ".join(parts)


def _draw(sources: Sources, person: Person, alarm: AlarmDocument, shelved_until: datetime | None) -> None:
    severity = look_of(alarm["severity"])
    is_standing = alarm["cleared_at"] is None or (alarm["waits"] and alarm["acknowledged_at"] is None)
    is_standing = is_standing and alarm["retracted_at"] is None
    with ui.element("li").classes(f"alarm {severity}").classes("" if is_standing else "past"):
        with ui.element("div").classes("alarm-what"):
            write(severity, "span", f"chip {severity}")
            write(alarm["message"], "span", "alarm-message")
        with ui.element("div").classes("alarm-where"):
            with ui.link("", f"/sensor/{alarm['sensor_id']}"):
                write(alarm["sensor_id"], "span")
            write(f"{alarm['site']} · {alarm['rule']} · {_when(alarm, sources)}", "span")
            write(to_state(alarm, shelved_until, sources), "span", "alarm-state")
        if is_standing and person.role == "operator":
            with ui.element("div").classes("alarm-do"):
                if alarm["acknowledged_at"] is None:
                    ui.button("Acknowledge", on_click=partial(acknowledge, sources, person, alarm)).props(
                        f'dense unelevated aria-label="Acknowledge {alarm["rule"]} of {alarm["sensor_id"]}"'
                    )
                ui.button("Shelve", on_click=partial(ask_to_shelve, sources, person, alarm)).props(
                    f'dense outline aria-label="Shelve {alarm["rule"]} of {alarm["sensor_id"]}"'
                )


def _when(alarm: AlarmDocument, sources: Sources) -> str:
    since, end = alarm["since"], alarm["cleared_at"]
    lasts = age(((end or utc_now()) - since).total_seconds())
    return f"since {clock(since, sources.zone)}, {'lasted' if end else 'for'} {lasts}"
