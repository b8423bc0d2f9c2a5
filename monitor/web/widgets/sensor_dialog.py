"""What operators set of a sensor: where it is, and what it should not exceed."""

import math

from nicegui import ui

from broker.escape import escape_text
from broker.topics import SensorKey
from ingestor.documents import SensorDocument
from monitor.queries.database import QueryError
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.widgets.operator_actions import NOT_AUTHORIZED, notify

MAX_LOCATION_LENGTH = 200


async def open_sensor_dialog(sources: Dependencies, person: Session, place: SensorKey) -> None:
    """Ask for location and threshold, and set them."""
    page = ui.context.client
    try:
        known = await sources.sensors.one(place.name) or SensorDocument(sensor_id=place.name)
    except QueryError as error:
        notify(page, f"{error}.", is_success=False)
        return
    with ui.dialog() as dialog, ui.card().classes("ask"):
        ui.label(escape_text(place.name)).classes("ask-title")
        location = ui.input("Location; empty: what it says itself", value=known.get("own_location"))
        location.props(f"outlined maxlength={MAX_LOCATION_LENGTH}").classes("wide")
        threshold = ui.number("Threshold, kWh; empty: that of all", value=known.get("threshold_kwh"), min=0)
        threshold.props("outlined").classes("wide")

        async def save() -> None:
            own = (location.value or "").strip()[:MAX_LOCATION_LENGTH]
            wrong = _validation_error(person, own, threshold.value)
            if wrong is None:
                changes = {"own_location": own or None, "threshold_kwh": threshold.value}
                wrong = await _save(sources, place.name, changes)
            if wrong is not None:
                notify(page, wrong, is_success=False)
                return
            dialog.close()
            notify(page, f"{place.name} is changed; a threshold counts within five seconds.", is_success=True)

        with ui.row():
            ui.button("Save", on_click=save)
            ui.button("Cancel", on_click=dialog.close).props("flat")
    dialog.on("hide", dialog.delete)
    dialog.open()


def _validation_error(person: Session, location: str, threshold_kwh: float | None) -> str | None:
    if not person.may_operate:
        return NOT_AUTHORIZED
    if not location.isprintable():
        return "A location has printable characters only."
    if threshold_kwh is not None and not (math.isfinite(threshold_kwh) and threshold_kwh >= 0):
        return "A threshold is a number of kWh, not below 0."
    return None


async def _save(sources: Dependencies, sensor_id: str, changes: dict[str, object]) -> str | None:
    try:
        is_known = await sources.sensors.change(sensor_id, changes)
    except QueryError as error:
        return f"{error}."
    return None if is_known else f"No sensor {sensor_id} is known any more."
