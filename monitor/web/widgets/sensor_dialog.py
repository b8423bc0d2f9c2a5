"""What operators set for a sensor: its location and its threshold."""

from nicegui import ui
from pydantic import ValidationError

from broker.program.validation_errors import describe_error, first_error
from ingestor.documents import SensorDocument
from monitor.queries.database import QueryError
from monitor.queries.sensors import MAX_LOCATION, SensorChange
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.widgets.dialog import ActionError, add_buttons, notify, open_dialog

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

        async def save() -> str:
            fields = {"own_location": location.value, "threshold_kwh": threshold.value}
            try:
                await deps.sensors.change(sensor_id, SensorChange.model_validate(fields))
            except (ValidationError, QueryError) as error:
                reason = str(error) if isinstance(error, QueryError) else describe_error(first_error(error))
                raise ActionError(f"{reason[:1].upper()}{reason[1:]}.") from error
            return "Saved. Takes effect within five seconds."

        add_buttons(dialog, session, "Save", save)
