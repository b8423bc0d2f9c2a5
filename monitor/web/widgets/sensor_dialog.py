"""What operators set for a sensor: its location and its threshold."""

import math

from nicegui import ui

from ingestor.documents import SensorDocument
from monitor.queries.database import QueryError
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.widgets.dialog import NOT_AUTHORIZED, add_buttons, notify, open_dialog

MAX_LOCATION_LENGTH = 200
THRESHOLD = "Threshold in kWh (empty: default"


async def open_sensor_dialog(deps: Dependencies, session: Session, sensor_id: str) -> None:
    """Ask for location and threshold, and save them."""
    page = ui.context.client
    try:
        known = await deps.sensors.one(sensor_id) or SensorDocument(sensor_id=sensor_id)
    except QueryError as error:
        notify(page, f"{error}.", is_success=False)
        return
    default_kwh = deps.ingestors.threshold_kwh
    default = THRESHOLD + (")" if default_kwh is None else f", {default_kwh:g})")
    with open_dialog(sensor_id) as dialog:
        location = ui.input("Location (empty: as reported by the sensor)", value=known.get("own_location"))
        location.props(f"outlined maxlength={MAX_LOCATION_LENGTH}").classes("wide")
        threshold = ui.number(default, value=known.get("threshold_kwh"), min=0)
        threshold.props("outlined").classes("wide")

        async def save() -> None:
            own = (location.value or "").strip()[:MAX_LOCATION_LENGTH]
            error = _validation_error(session, own, threshold.value)
            if error is None:
                changes = {"own_location": own or None, "threshold_kwh": threshold.value}
                error = await _save(deps, sensor_id, changes)
            if error is None:
                dialog.close()
            notify(page, error or "Saved. Takes effect within five seconds.", is_success=error is None)

        add_buttons(dialog, "Save", save)


def _validation_error(session: Session, location: str, threshold_kwh: float | None) -> str | None:
    if not session.may_operate:
        return NOT_AUTHORIZED
    if not location.isprintable():
        return "The location contains characters that cannot be printed."
    if threshold_kwh is not None and not (math.isfinite(threshold_kwh) and threshold_kwh >= 0):
        return "The threshold must be 0 kWh or more."
    return None


async def _save(deps: Dependencies, sensor_id: str, changes: dict[str, object]) -> str | None:
    try:
        is_known = await deps.sensors.change(sensor_id, changes)
    except QueryError as error:
        return f"{error}."
    return None if is_known else f"Unknown sensor {sensor_id}."
