"""What operators set for a sensor: its location and its threshold."""

from nicegui import ui
from pydantic import ValidationError

from broker.program.validation_errors import describe_error, first_error
from ingestor.documents import SensorDocument
from monitor.queries.database import QueryError
from monitor.queries.sensors import MAX_LOCATION, SensorChange
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.widgets.dialog import NOT_AUTHORIZED, add_buttons, notify, open_dialog

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
        location.props(f"outlined maxlength={MAX_LOCATION}").classes("wide")
        threshold = ui.number(default, value=known.get("threshold_kwh"), min=0)
        threshold.props("outlined").classes("wide")

        async def save() -> None:
            fields = {"own_location": location.value, "threshold_kwh": threshold.value}
            error = await _save(session, deps, sensor_id, fields)
            if error is None:
                dialog.close()
            notify(page, error or "Saved. Takes effect within five seconds.", is_success=error is None)

        add_buttons(dialog, "Save", save)


async def _save(session: Session, deps: Dependencies, sensor_id: str, fields: object) -> str | None:
    if not session.may_operate:
        return NOT_AUTHORIZED
    try:
        await deps.sensors.change(sensor_id, SensorChange.model_validate(fields))
    except ValidationError as error:
        sentence = describe_error(first_error(error))
    except QueryError as error:
        sentence = str(error)
    else:
        return None
    return f"{sentence[:1].upper()}{sentence[1:]}."
