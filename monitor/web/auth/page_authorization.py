"""A page belongs to the session that opened it: no other session can attach to it or act on it by its id.

NiceGUI itself takes any event that names a page's id. There is no public hook before it does, so its
Socket.IO handlers are wrapped.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from nicegui import Client, core

Handler = Callable[..., Any]
MALFORMED_EVENT_ERRORS = (AttributeError, LookupError, TypeError, ValueError)


def authorize_pages() -> None:
    """Wrap all of NiceGUI's Socket.IO handlers in the check."""
    for event, handler in list(core.sio.handlers["/"].items()):
        if event == "connect":
            core.sio.on(event, _authorize_connect(handler))
        elif event != "disconnect":
            core.sio.on(event, _authorize_event(handler))


def _authorize_connect(handler: Handler) -> Handler:
    async def connect(sid: str, environ: dict[str, Any], *more: object) -> object:
        pages = parse_qs(environ.get("QUERY_STRING", "")).get("client_id", [])
        if not all(_may_have(environ, page) for page in pages):
            return False
        return await _call(handler, sid, environ, *more)

    return connect


def _authorize_event(handler: Handler) -> Handler:
    async def handle(sid: str, message: object = None) -> object:
        page = message.get("client_id") if isinstance(message, dict) else None
        if not isinstance(page, str) or not _may_have(core.sio.get_environ(sid), page):
            return False
        try:
            return await _call(handler, sid, message)
        except MALFORMED_EVENT_ERRORS:
            # NiceGUI catches and logs errors of our own code. What arrives here is a malformed event
            # of a browser: no traceback for us.
            return False

    return handle


def _may_have(environ: dict[str, Any], page: str) -> bool:
    """Whether a web socket belongs to the session that opened a page; true if there is no such page."""
    client = Client.instances.get(page)
    session = environ["asgi.scope"]["state"]["session"]
    return client is None or (client.request.state.session is session and session.is_active)


async def _call(handler: Handler, *arguments: object) -> object:
    answer = handler(*arguments)
    return await answer if isinstance(answer, Awaitable) else answer
