"""Refused payloads: when, where, why, and what came; for operators, a way to repair one and send it again."""

import re
from collections.abc import Sequence
from functools import partial

from nicegui import ui

from broker.plain import plain
from broker.topics import Topics
from ingestor.documents import RejectedDocument
from monitor.web.access import Person
from monitor.web.act import MAY_NOT, tell
from monitor.web.frame import write
from monitor.web.replay import Replay, ReplayError
from monitor.web.sources import Sources
from monitor.web.words import clock

SHOWN_BYTES = 4096
KEPT = ("\n", "\t")


class RejectedList:
    """A list of refused payloads in one browser.

    Args:
        sources: Where repaired ones go.
        person: Who looks.
    """

    def __init__(self, sources: Sources, person: Person) -> None:
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
                write("Nothing was refused in the last 30 days.", "p", "empty")
            for each in found:
                _draw(self._sources, self._person, each)


def to_text(payload: bytes) -> str:
    """A payload as text: what is no UTF-8 as replacement characters, line breaks and tabs kept.

    What is escaped otherwise is so as JSON has it: within a string, it may be sent again as it stands.
    """
    text = payload[:SHOWN_BYTES].decode(errors="replace").replace("\r\n", "\n")
    return "".join(each if each in KEPT else plain(each) for each in re.split("([\n\t])", text))


def _draw(sources: Sources, person: Person, rejected: RejectedDocument) -> None:
    again = rejected.get("replayed_at")
    with ui.element("details"):
        with ui.element("summary"):
            write(clock(rejected["received_at"], sources.zone), "strong")
            place = Topics.place(f"//{rejected['topic']}")
            write(f" {place.site}/{place.name} {rejected['kind']}: {rejected['reason']}", "span")
            if again is not None:
                write(f" (repaired {clock(again, sources.zone)})", "span", "good")
        write(rejected["topic"], "p", "hint")
        write(to_text(rejected["payload"]), "pre", "raw").props('tabindex="0"')
        if len(rejected["payload"]) > SHOWN_BYTES:
            write(f"… {len(rejected['payload']) - SHOWN_BYTES:,} more bytes", "p", "hint")
        is_reading = rejected["topic"].startswith(Topics(sources.topic_root).readings_prefix)
        if person.role == "operator" and is_reading:
            repair = ui.button("Repair and send again", on_click=partial(_ask, sources, person, rejected))
            repair.props("dense outline")


def _ask(sources: Sources, person: Person, rejected: RejectedDocument) -> None:
    with ui.dialog() as dialog, ui.card().classes("ask"):
        ui.label("Repair and send again").classes("ask-title")
        write(f"{rejected['reason']}. It goes to {rejected['topic']}, and is stored once.", "p", "hint")
        payload = ui.textarea("Payload", value=to_text(rejected["payload"]))
        payload.props("outlined autogrow").classes("wide")

        async def send() -> None:
            page = ui.context.client
            if not person.may_act:
                tell(page, MAY_NOT, is_good=False)
                return
            replay = Replay(sources.mqtt_url, sources.topic_root, sources.readings)
            try:
                sentence = await replay.send(rejected["topic"], payload.value or "")
            except ReplayError as error:
                tell(page, str(error), is_good=False)
                return
            dialog.close()
            tell(page, sentence, is_good=True)
            await replay.mark(sources.rejected, rejected["_id"])

        with ui.row():
            ui.button("Send", on_click=send)
            ui.button("Cancel", on_click=dialog.close).props("flat")
    dialog.on("hide", dialog.delete)
    dialog.open()
