"""What operators do with alarms on a page: acknowledge and mute, as commands to the ingestor."""

from functools import partial

from nicegui import ui

from broker.alarm_messages import Shelve
from broker.topics import SensorKey
from ingestor.documents import AlarmDocument
from monitor.commands.alarm_commands import acknowledge_alarm, shelve_rule
from monitor.commands.client import AlarmCommand, CommandClient, CommandError, CommandResult
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.widgets.dialog import ActionError, add_buttons, open_dialog, run_action

# Minutes.
SHELVE_DURATIONS = {
    30: "30 minutes",
    60: "1 hour",
    240: "4 hours",
    1440: "1 day",
    10080: "1 week",
    0: "Unmute",
}


async def acknowledge(deps: Dependencies, session: Session, alarm: AlarmDocument) -> None:
    """Acknowledge an alarm."""
    await run_action(session, partial(_send, deps, acknowledge_alarm(alarm, session.role)))


def open_shelve_dialog(deps: Dependencies, session: Session, alarm: AlarmDocument) -> None:
    """Ask for how long to mute a rule of a sensor, and do it."""
    sensor_id, rule = alarm["sensor_id"], alarm["rule"]
    with open_dialog(f'Mute "{rule}" for {sensor_id}') as dialog:
        ui.label("No notifications meanwhile; it is still recorded.")
        minutes = ui.select(SHELVE_DURATIONS, value=60, label="Duration").classes("wide")

        async def shelve() -> str:
            dialog.close()
            command = Shelve(shelve=rule, minutes=int(minutes.value), user=session.role)
            before = deps.live.shelved.get((sensor_id, rule))
            key = SensorKey(alarm["site"], sensor_id)
            return await _send(deps, shelve_rule(key, command, before))

        add_buttons(dialog, session, "Mute", shelve)


async def _send(deps: Dependencies, command: AlarmCommand) -> str:
    results: list[CommandResult] = []
    try:
        await CommandClient(deps.mqtt_url, deps.topics.root, results.append).send([command])
    except CommandError as error:
        raise ActionError(str(error)) from error
    [result] = results
    if not result.executed:
        raise ActionError(result.sentence)
    return result.sentence
