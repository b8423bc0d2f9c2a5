"""Rejected payloads: when, where, why, and their content; operators can repair one and send it again."""

import contextlib
import re
from collections.abc import Sequence
from functools import partial

from nicegui import ui

from broker.program.escape import escape_text
from ingestor.documents import RejectedDocument
from monitor.formatting import format_clock
from monitor.queries.database import QueryError
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.replay import replay
from monitor.web.widgets.dialog import add_buttons, open_dialog
from monitor.web.widgets.text import Text

SHOWN_BYTES = 4096
KEPT_CHARACTERS = ("\n", "\t")


class RejectedListView:
    """A list of rejected payloads in one browser."""

    def __init__(self, deps: Dependencies, session: Session) -> None:
        self._deps = deps
        self._session = session
        self._drawn: Sequence[RejectedDocument] | None = None
        self._box = ui.element("div")

    def show(self, found: Sequence[RejectedDocument]) -> None:
        """Draw the payloads, unless the same are drawn already: one may be open."""
        if found == self._drawn:
            return
        self._drawn = found
        self._box.clear()
        with self._box:
            if not found:
                Text("No payloads rejected in the last 30 days.", "p", "empty")
            for each in found:
                _draw(self._deps, self._session, each)


def payload_text(payload: bytes) -> str:
    """A payload as text: invalid UTF-8 as replacement characters, line breaks and tabs kept.

    Other control characters are escaped as in JSON: within a string, the text can be sent again as it is.
    """
    text = payload[:SHOWN_BYTES].decode(errors="replace").replace("\r\n", "\n")
    return "".join(
        each if each in KEPT_CHARACTERS else escape_text(each) for each in re.split("([\n\t])", text)
    )


def _draw(deps: Dependencies, session: Session, rejected: RejectedDocument) -> None:
    replayed_at = rejected.get("replayed_at")
    with ui.element("details"):
        with ui.element("summary"):
            Text(format_clock(rejected["received_at"], deps.zone), "strong")
            key = deps.topics.sensor_key(f"//{rejected['topic']}")
            Text(f" {key.site}/{key.name} {rejected['kind']}: {rejected['reason']}", "span")
            if replayed_at is not None:
                Text(f" (repaired {format_clock(replayed_at, deps.zone)})", "span", "good")
        Text(rejected["topic"], "p", "hint")
        Text(payload_text(rejected["payload"]), "pre", "raw").props('tabindex="0"')
        if len(rejected["payload"]) > SHOWN_BYTES:
            Text(f"… {len(rejected['payload']) - SHOWN_BYTES:,} more bytes", "p", "hint")
        is_reading = rejected["topic"].startswith(deps.topics.readings_prefix)
        if session.role == "operator" and is_reading:
            repair = partial(_open_repair_dialog, deps, session, rejected)
            ui.button("Repair and resend", on_click=repair).props("dense outline")


def _open_repair_dialog(deps: Dependencies, session: Session, rejected: RejectedDocument) -> None:
    with open_dialog("Repair and resend") as dialog:
        Text(f"{rejected['reason']}. It is sent to {rejected['topic']} and stored once.", "p", "hint")
        payload = ui.textarea("Payload", value=payload_text(rejected["payload"]))
        payload.props("outlined autogrow").classes("wide")

        async def send() -> str:
            sentence = await replay(deps, rejected["topic"], payload.value or "")
            # The reading is stored, whether this is noted or not.
            with contextlib.suppress(QueryError):
                await deps.rejected.mark_replayed(rejected["_id"])
            return sentence

        add_buttons(dialog, session, "Send", send)
