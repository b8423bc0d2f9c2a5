"""Stands before every page: nobody passes without having logged in, and no other site speaks for them."""

import secrets
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.web.access import Access, Person
from monitor.web.api.errors import to_answer
from monitor.web.cookie import is_secure, token_of
from monitor.web.live import CLOSED, Live
from monitor.web.origin import is_from_here
from monitor.web.strict import Strict

API = "/api/v1/"
SOCKETS = "/_nicegui_ws/"
OPEN_PATHS = frozenset({"/login", "/live", "/favicon.ico"})
# Looks, the same for everybody; the REST interface asks for tokens itself.
OPEN_PREFIXES = ("/static/", API)
KEPT_PREFIXES = ("/static/", "/_nicegui/")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MOST_BYTES = 64 * 1024
MOST_DIGITS = 20
# NiceGUI would believe it, whoever says it.
NOT_BELIEVED = b"x-forwarded-prefix"
ELSEWHERE = "this was sent from another site"


class Gate:
    """Lets those pass who have logged in.

    Args:
        app: What is behind it.
        access: Who may pass.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        scope["headers"] = [each for each in scope["headers"] if each[0] != NOT_BELIEVED]
        connection = HTTPConnection(scope)
        person = self._access.whose(token_of(connection))
        state = scope.setdefault("state", {})
        state["person"], state["nonce"] = person, secrets.token_urlsafe(16)
        if scope["type"] == "websocket":
            await self._talk(connection, receive, send)
            return
        is_kept = scope["path"].startswith(KEPT_PREFIXES)
        strict = Strict(send, state["nonce"], secure=is_secure(connection), is_kept=is_kept)
        await (_refuse(connection, person) or self.app)(scope, receive, strict)

    async def _talk(self, connection: HTTPConnection, receive: Receive, send: Send) -> None:
        scope, person = connection.scope, connection.scope["state"]["person"]
        # One that names a session would take over what somebody else has begun.
        is_new = scope["path"].startswith(SOCKETS) and "sid" not in connection.query_params
        if person is None or not is_new or not is_from_here(connection):
            await send({"type": "websocket.close", "code": CLOSED})
            return
        await Live(person, receive, send).serve(self.app, scope)


def _refuse(connection: HTTPConnection, person: Person | None) -> Response | None:
    """What a request gets instead of what it asks for; None if it may have that."""
    path, method = connection.scope["path"], connection.scope["method"]
    if method not in SAFE_METHODS:
        refusal = _refuse_change(connection)
        if refusal is not None:
            return refusal
    if path.startswith(SOCKETS):
        return PlainTextResponse("there are web sockets only", HTTPStatus.BAD_REQUEST)
    if person is not None or path in OPEN_PATHS or path.startswith(OPEN_PREFIXES):
        return None
    if method == "GET":
        return RedirectResponse(f"/login?next={quote(path)}", HTTPStatus.SEE_OTHER)
    return PlainTextResponse("log in first", HTTPStatus.UNAUTHORIZED)


def _refuse_change(connection: HTTPConnection) -> Response | None:
    is_api = connection.scope["path"].startswith(API)
    # A token that a program sends by itself is nothing that another site could have it send.
    if not is_from_here(connection) and (not is_api or token_of(connection)):
        if is_api:
            return to_answer(HTTPStatus.FORBIDDEN, "other", ELSEWHERE)
        return PlainTextResponse(ELSEWHERE, HTTPStatus.FORBIDDEN)
    length = connection.headers.get("Content-Length", "0")
    is_chunked = "Transfer-Encoding" in connection.headers
    # Of the longest number Python would complain.
    is_number = length.isdecimal() and len(length) <= MOST_DIGITS
    if is_chunked or not is_number or int(length) > MOST_BYTES:
        return PlainTextResponse("this is too long", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return None
