"""Dialogs: a title, a form, and two buttons."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from nicegui import Client, ui

from broker.program.escape import escape_text
from monitor.web.auth.sessions import Session

NOT_AUTHORIZED = "Only operators can do this, and your session may have ended. Log in as operator."
NOTIFY_MS = 8000


@contextmanager
def open_dialog(title: str) -> Iterator[ui.dialog]:
    """Open a dialog; what is drawn within the context is in it. It is removed when it is closed."""
    with ui.dialog() as dialog, ui.card().classes("ask"):
        ui.label(escape_text(title)).classes("ask-title")
        yield dialog
    dialog.on("hide", dialog.delete)
    dialog.open()


def add_buttons(dialog: ui.dialog, label: str, submit: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Add a button that submits, and one that cancels."""
    with ui.row():
        ui.button(label, on_click=submit)
        ui.button("Cancel", on_click=dialog.close).props("flat")


def operator_page(session: Session) -> Client | None:
    """The page of an operator; None, with a message, if the session may not operate."""
    page = ui.context.client
    if session.may_operate:
        return page
    notify(page, NOT_AUTHORIZED, is_success=False)
    return None


def notify(page: Client, sentence: str, *, is_success: bool) -> None:
    """Show a message for a while.

    The button that was pressed may have been redrawn since, because of what it did; so the caller takes the
    page before it waits for anything.
    """
    if page.is_deleted:
        return
    kind: Literal["positive", "negative"] = "positive" if is_success else "negative"
    with page:
        ui.notify(escape_text(sentence), type=kind, timeout=NOTIFY_MS, multi_line=True, close_button="OK")
