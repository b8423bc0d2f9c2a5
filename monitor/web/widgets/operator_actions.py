"""What operators do on a page: acknowledge and shelve, told to the ingestor, its answer told to them."""

from collections.abc import Sequence
from typing import Literal

from nicegui import Client, ui

from broker.alarm_messages import Shelve
from broker.escape import escape_text
from broker.topics import SensorKey
from ingestor.documents import AlarmDocument
from monitor.commands.alarm_commands import acknowledge_alarm, shelve_rule
from monitor.commands.client import AlarmCommand, CommandClient, CommandError, CommandResult
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies

SHELVE_DURATIONS = {
    30: "30 minutes",
    60: "1 hour",
    240: "4 hours",
    1440: "1 day",
    10080: "1 week",
    0: "not any more",
}
NOT_AUTHORIZED = "You are logged in to look, or were for too long: log in again as operator."
NOTIFY_MS = 8000


async def acknowledge(sources: Dependencies, person: Session, alarm: AlarmDocument) -> None:
    """Say that an operator has seen an alarm."""
    await send_commands(sources, person, [acknowledge_alarm(alarm, person.role)])


def open_shelve_dialog(sources: Dependencies, person: Session, alarm: AlarmDocument) -> None:
    """Ask for how long a rule of a sensor is to be shelved, and do it."""
    sensor_id, rule = alarm["sensor_id"], alarm["rule"]
    with ui.dialog() as dialog, ui.card().classes("ask"):
        ui.label(escape_text(f"Shelve {rule} of {sensor_id}")).classes("ask-title")
        ui.label("Nobody is told of it meanwhile; it goes on to be recorded.")
        minutes = ui.select(SHELVE_DURATIONS, value=60, label="For how long").classes("wide")
        with ui.row():

            async def shelve() -> None:
                dialog.close()
                command = Shelve(shelve=rule, minutes=int(minutes.value), user=person.role)
                before = sources.live.shelved.get((sensor_id, rule))
                await send_commands(
                    sources, person, [shelve_rule(SensorKey(alarm["site"], sensor_id), command, before)]
                )

            ui.button("Shelve", on_click=shelve)
            ui.button("Cancel", on_click=dialog.close).props("flat")
    dialog.on("hide", dialog.delete)
    dialog.open()


async def send_commands(sources: Dependencies, person: Session, orders: Sequence[AlarmCommand]) -> None:
    """Give commands and tell what comes of them."""
    page = ui.context.client
    if not person.may_operate:
        notify(page, NOT_AUTHORIZED, is_success=False)
        return
    outcomes: list[CommandResult] = []
    try:
        await CommandClient(sources.mqtt_url, sources.topic_root, outcomes.append).send(orders)
    except CommandError as error:
        outcomes.append(CommandResult(False, str(error)))
    for outcome in outcomes:
        notify(page, outcome.sentence, is_success=outcome.executed)


def notify(page: Client, sentence: str, *, is_success: bool) -> None:
    """Show a sentence for a while.

    Args:
        page: To whom. What somebody pressed may be gone by now, drawn anew because of what they did;
            so the page is to be taken down before anything is waited for.
        sentence: What to show.
        is_success: Whether it is good news.
    """
    if page.is_deleted:
        return
    look: Literal["positive", "negative"] = "positive" if is_success else "negative"
    with page:
        ui.notify(escape_text(sentence), type=look, timeout=NOTIFY_MS, multi_line=True, close_button="OK")
