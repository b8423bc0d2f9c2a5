"""Stands before every page: nobody passes without having logged in, and no other site speaks for them."""

import secrets
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.web.api.errors import problem_response
from monitor.web.auth.cookie import is_secure, read_token
from monitor.web.auth.csrf import is_same_origin
from monitor.web.auth.security_headers import SecurityHeaders
from monitor.web.auth.session_socket import CLOSE_CODE, SessionSocket
from monitor.web.auth.sessions import Authenticator, Session

API_PREFIX = "/api/v1/"
WEBSOCKET_PREFIX = "/_nicegui_ws/"
OPEN_PATHS = frozenset({"/login", "/live", "/favicon.ico"})
# Looks, the same for everybody; the REST interface asks for tokens itself.
OPEN_PREFIXES = ("/static/", API_PREFIX)
CACHED_PREFIXES = ("/static/", "/_nicegui/")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES = 64 * 1024
MAX_LENGTH_DIGITS = 20
# NiceGUI would believe it, whoever says it.
UNTRUSTED_HEADER = b"x-forwarded-prefix"
CROSS_SITE = "this was sent from another site"


class AuthMiddleware:
    """Lets those pass who have logged in.

    Args:
        app: What is behind it.
        access: Who may pass.
    """

    def __init__(self, app: ASGIApp, access: Authenticator) -> None:
        self.app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        scope["headers"] = [each for each in scope["headers"] if each[0] != UNTRUSTED_HEADER]
        connection = HTTPConnection(scope)
        person = self._access.session_of(read_token(connection))
        state = scope.setdefault("state", {})
        state["person"], state["nonce"] = person, secrets.token_urlsafe(16)
        if scope["type"] == "websocket":
            await self._talk(connection, receive, send)
            return
        is_kept = scope["path"].startswith(CACHED_PREFIXES)
        strict = SecurityHeaders(send, state["nonce"], secure=is_secure(connection), is_cacheable=is_kept)
        await (_rejection(connection, person) or self.app)(scope, receive, strict)

    async def _talk(self, connection: HTTPConnection, receive: Receive, send: Send) -> None:
        scope, person = connection.scope, connection.scope["state"]["person"]
        # One that names a session would take over what somebody else has begun.
        is_new = scope["path"].startswith(WEBSOCKET_PREFIX) and "sid" not in connection.query_params
        if person is None or not is_new or not is_same_origin(connection):
            await send({"type": "websocket.close", "code": CLOSE_CODE})
            return
        await SessionSocket(person, receive, send).serve(self.app, scope)


def _rejection(connection: HTTPConnection, person: Session | None) -> Response | None:
    """What a request gets instead of what it asks for; None if it may have that."""
    path, method = connection.scope["path"], connection.scope["method"]
    if method not in SAFE_METHODS:
        refusal = _change_rejection(connection)
        if refusal is not None:
            return refusal
    if path.startswith(WEBSOCKET_PREFIX):
        return PlainTextResponse("there are web sockets only", HTTPStatus.BAD_REQUEST)
    if person is not None or path in OPEN_PATHS or path.startswith(OPEN_PREFIXES):
        return None
    if method == "GET":
        return RedirectResponse(f"/login?next={quote(path)}", HTTPStatus.SEE_OTHER)
    return PlainTextResponse("log in first", HTTPStatus.UNAUTHORIZED)


def _change_rejection(connection: HTTPConnection) -> Response | None:
    is_api = connection.scope["path"].startswith(API_PREFIX)
    # A token that a program sends by itself is nothing that another site could have it send.
    if not is_same_origin(connection) and (not is_api or read_token(connection)):
        if is_api:
            return problem_response(HTTPStatus.FORBIDDEN, "other", CROSS_SITE)
        return PlainTextResponse(CROSS_SITE, HTTPStatus.FORBIDDEN)
    length = connection.headers.get("Content-Length", "0")
    is_chunked = "Transfer-Encoding" in connection.headers
    # Of the longest number Python would complain.
    is_number = length.isdecimal() and len(length) <= MAX_LENGTH_DIGITS
    if is_chunked or not is_number or int(length) > MAX_BODY_BYTES:
        return PlainTextResponse("this is too long", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return None
