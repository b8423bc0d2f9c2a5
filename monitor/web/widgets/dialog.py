"""Actions of operators, and the dialogs that ask for them: a title, a form, and two buttons."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import Client, ui

from broker.program.escape import escape_text
from monitor.web.auth.sessions import Session

NOT_AUTHORIZED = "Only operators can do this, and your session may have ended. Log in as operator."
NOTIFY_MS = 8000
Action = Callable[[], Awaitable[str]]


class ActionError(Exception):
    """Raised when an action fails; says why, in a sentence."""


@contextmanager
def open_dialog(title: str) -> Iterator[ui.dialog]:
    """Open a dialog; what is drawn within the context is in it. It is removed when it is closed."""
    with ui.dialog() as dialog, ui.card().classes("ask"):
        ui.label(escape_text(title)).classes("ask-title")
        yield dialog
    dialog.on("hide", dialog.delete)
    dialog.open()


def add_buttons(dialog: ui.dialog, session: Session, label: str, action: Action) -> None:
    """Add a button that runs an action and closes the dialog if it succeeds, and one that cancels."""

    async def submit() -> None:
        if await run_action(session, action):
            dialog.close()

    with ui.row():
        ui.button(label, on_click=submit)
        ui.button("Cancel", on_click=dialog.close).props("flat")


async def run_action(session: Session, action: Action) -> bool:
    """Run an action if the session may operate now, and show its sentence; say whether it succeeded."""
    # The button that was pressed may have been redrawn afterwards, because of what it did.
    page = ui.context.client
    sentence, is_success = NOT_AUTHORIZED, False
    if session.may_operate:
        try:
            sentence, is_success = await action(), True
        except ActionError as error:
            sentence = str(error)
    notify(page, sentence, is_success=is_success)
    return is_success


def notify(page: Client, sentence: str, *, is_success: bool) -> None:
    """Show a message for a while."""
    if page.is_deleted:
        return
    with page:
        ui.notify(
            escape_text(sentence),
            type="positive" if is_success else "negative",
            timeout=NOTIFY_MS,
            multi_line=True,
            close_button="OK",
        )
