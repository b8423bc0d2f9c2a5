"""Refused payloads: when, where, why, and what came; for operators, a way to repair one and send it again."""

import re
from collections.abc import Sequence
from functools import partial

from nicegui import ui

from broker.escape import escape_text
from broker.topics import Topics
from ingestor.documents import RejectedDocument
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.formatting import format_clock
from monitor.web.replay import Replay, ReplayError
from monitor.web.widgets.layout import add_text
from monitor.web.widgets.operator_actions import NOT_AUTHORIZED, notify

SHOWN_BYTES = 4096
KEPT_CHARACTERS = ("\n", "\t")


class RejectedListView:
    """A list of refused payloads in one browser.

    Args:
        sources: Where repaired ones go.
        person: Who looks.
    """

    def __init__(self, sources: Dependencies, person: Session) -> None:
        self._sources = sources
        self._person = person
        self._drawn: Sequence[RejectedDocument] | None = None
        self._box = ui.element("div")

    def show(self, found: Sequence[RejectedDocument]) -> None:
        """Draw what was refused, unless the same is drawn already: one may be open."""
        if found == self._drawn:
            return
        self._drawn = found
        self._box.clear()
        with self._box:
            if not found:
                add_text("Nothing was refused in the last 30 days.", "p", "empty")
            for each in found:
                _draw(self._sources, self._person, each)


def payload_text(payload: bytes) -> str:
    """A payload as text: what is no UTF-8 as replacement characters, line breaks and tabs kept.

    What is escaped otherwise is so as JSON has it: within a string, it may be sent again as it stands.
    """
    text = payload[:SHOWN_BYTES].decode(errors="replace").replace("\r\n", "\n")
    return "".join(
        each if each in KEPT_CHARACTERS else escape_text(each) for each in re.split("([\n\t])", text)
    )


def _draw(sources: Dependencies, person: Session, rejected: RejectedDocument) -> None:
    again = rejected.get("replayed_at")
    with ui.element("details"):
        with ui.element("summary"):
            add_text(format_clock(rejected["received_at"], sources.zone), "strong")
            place = Topics.sensor_key(f"//{rejected['topic']}")
            add_text(f" {place.site}/{place.name} {rejected['kind']}: {rejected['reason']}", "span")
            if again is not None:
                add_text(f" (repaired {format_clock(again, sources.zone)})", "span", "good")
        add_text(rejected["topic"], "p", "hint")
        add_text(payload_text(rejected["payload"]), "pre", "raw").props('tabindex="0"')
        if len(rejected["payload"]) > SHOWN_BYTES:
            add_text(f"… {len(rejected['payload']) - SHOWN_BYTES:,} more bytes", "p", "hint")
        is_reading = rejected["topic"].startswith(Topics(sources.topic_root).readings_prefix)
        if person.role == "operator" and is_reading:
            repair = ui.button(
                "Repair and send again", on_click=partial(_open_repair_dialog, sources, person, rejected)
            )
            repair.props("dense outline")


def _open_repair_dialog(sources: Dependencies, person: Session, rejected: RejectedDocument) -> None:
    with ui.dialog() as dialog, ui.card().classes("ask"):
        ui.label("Repair and send again").classes("ask-title")
        add_text(f"{rejected['reason']}. It goes to {rejected['topic']}, and is stored once.", "p", "hint")
        payload = ui.textarea("Payload", value=payload_text(rejected["payload"]))
        payload.props("outlined autogrow").classes("wide")

        async def send() -> None:
            page = ui.context.client
            if not person.may_operate:
                notify(page, NOT_AUTHORIZED, is_success=False)
                return
            replay = Replay(sources.mqtt_url, sources.topic_root, sources.readings)
            try:
                sentence = await replay.send(rejected["topic"], payload.value or "")
            except ReplayError as error:
                notify(page, str(error), is_success=False)
                return
            dialog.close()
            notify(page, sentence, is_success=True)
            await replay.mark(sources.rejected, rejected["_id"])

        with ui.row():
            ui.button("Send", on_click=send)
            ui.button("Cancel", on_click=dialog.close).props("flat")
    dialog.on("hide", dialog.delete)
    dialog.open()
