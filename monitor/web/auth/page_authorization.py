"""A page belongs to who asked for it: nobody else can attach to it, or act on it, by its id."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from nicegui import Client, core

Handler = Callable[..., Any]
MALFORMED_EVENT_ERRORS = (AttributeError, LookupError, TypeError, ValueError)


def authorize_pages() -> None:
    """Have everything that browsers say about a page checked before NiceGUI hears it."""
    for event, handler in list(core.sio.handlers["/"].items()):
        if event == "connect":
            core.sio.on(event, _for_who_connects(handler))
        elif event != "disconnect":
            core.sio.on(event, _for_owner(handler))


def _for_who_connects(handler: Handler) -> Handler:
    async def connect(sid: str, environ: dict[str, Any], *more: object) -> object:
        pages = parse_qs(environ.get("QUERY_STRING", "")).get("client_id", [])
        if not all(_may_have(environ, page) for page in pages):
            return False
        return await _call(handler, sid, environ, *more)

    return connect


def _for_owner(handler: Handler) -> Handler:
    async def hear(sid: str, said: object = None) -> object:
        page = said.get("client_id") if isinstance(said, dict) else None
        if not isinstance(page, str) or not _may_have(core.sio.get_environ(sid), page):
            return False
        try:
            return await _call(handler, sid, said)
        except MALFORMED_EVENT_ERRORS:
            # What our own code does wrong NiceGUI catches and logs. What arrives here is about
            # something that is not on the page: the browser's own business, and no traceback for us.
            return False

    return hear


def _may_have(environ: dict[str, Any], page: str) -> bool:
    """Whether a web socket is of the log-in that asked for a page; one that is not there is anybody's."""
    client = Client.instances.get(page)
    person = environ["asgi.scope"]["state"]["person"]
    return client is None or (client.request.state.person is person and person.is_active)


async def _call(handler: Handler, *said: object) -> object:
    answer = handler(*said)
    return await answer if isinstance(answer, Awaitable) else answer
