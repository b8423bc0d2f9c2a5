"""A page belongs to the session that opened it: no other session can attach to it or act on it by its id.

NiceGUI itself takes any event that names a page's id, and keeps what a browser calls its tab and document.
There is no public hook before it does, so its Socket.IO handlers are wrapped.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from nicegui import Client, core

Handler = Callable[..., Any]
MALFORMED_EVENT_ERRORS = (AttributeError, LookupError, TypeError, ValueError)
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Of a handshake; a browser that has no earlier tab says "null" in an address.
FORMS = {
    "tab_id": re.compile(UUID),
    "document_id": re.compile(UUID),
    "old_tab_id": re.compile(f"{UUID}|null|None|"),
    "next_message_id": re.compile(r"[0-9]{1,15}"),
}
# NiceGUI keeps a store for each tab for 30 days; no page of ours uses it.
KEEP_TABS_S = 60.0


def authorize_pages() -> None:
    """Wrap all of NiceGUI's Socket.IO handlers in the check."""
    core.app.storage.max_tab_storage_age = KEEP_TABS_S
    for event, handler in list(core.sio.handlers["/"].items()):
        if event == "connect":
            core.sio.on(event, _authorize_connect(handler))
        elif event != "disconnect":
            core.sio.on(event, _authorize_event(event, handler))


def _authorize_connect(handler: Handler) -> Handler:
    async def connect(sid: str, environ: dict[str, Any], *more: object) -> object:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        if not all(_may_have(environ, page) for page in query.get("client_id", [])):
            return False
        is_handshake = "implicit_handshake" in query
        # NiceGUI takes the first of each.
        if is_handshake and not has_form({name: values[0] for name, values in query.items()}):
            return False
        return await _call(handler, sid, environ, *more)

    return connect


def _authorize_event(event: str, handler: Handler) -> Handler:
    async def handle(sid: str, message: object = None) -> object:
        said = message if isinstance(message, dict) else {}
        page = said.get("client_id")
        if not isinstance(page, str) or not _may_have(core.sio.get_environ(sid), page):
            return False
        if event == "handshake" and not has_form(said):
            return False
        try:
            return await _call(handler, sid, message)
        except MALFORMED_EVENT_ERRORS:
            # NiceGUI catches and logs errors of our own code. What arrives here is a malformed event
            # of a browser: no traceback for us.
            return False

    return handle


def has_form(handshake: Mapping[str, object]) -> bool:
    """Whether a handshake names tab, document and message as NiceGUI's script does."""
    return all(form.fullmatch(str(handshake.get(name, ""))) for name, form in FORMS.items())


def _may_have(environ: dict[str, Any], page: str) -> bool:
    """Whether a web socket belongs to the session that opened a page; true if there is no such page."""
    client = Client.instances.get(page)
    session = environ["asgi.scope"]["state"]["session"]
    return client is None or (client.request.state.session is session and session.is_active)


async def _call(handler: Handler, *arguments: object) -> object:
    answer = handler(*arguments)
    return await answer if isinstance(answer, Awaitable) else answer
