"""Guards every page: no access without a session, and no requests from other sites.

It is plain ASGI, in front of NiceGUI and the REST interface.
"""

import contextlib
import secrets
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.web.api.errors import problem_response
from monitor.web.auth.cookie import is_secure, read_token
from monitor.web.auth.csrf import is_same_origin
from monitor.web.auth.security_headers import add_security_headers
from monitor.web.auth.session_socket import CLOSE_CODE, serve_session
from monitor.web.auth.sessions import Authenticator, Session
from monitor.web.limits.answer_parts import send_in_parts
from monitor.web.limits.places import Places
from monitor.web.limits.request_body import read_body

API_PREFIX = "/api/v1/"
WEBSOCKET_PREFIX = "/_nicegui_ws/"
OPEN_PATHS = frozenset({"/login", "/live", "/favicon.ico"})
# Styles, the same for everybody; the REST interface checks tokens itself.
OPEN_PREFIXES = ("/static/", API_PREFIX)
CACHED_PREFIXES = ("/static/", "/_nicegui/")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES = 64 * 1024
MAX_LENGTH_DIGITS = 20
# NiceGUI trusts it from anybody.
UNTRUSTED_HEADER = b"x-forwarded-prefix"
CROSS_SITE = "this request comes from another site"
TOO_MANY = "too many requests at once; try again in a second"


class AuthMiddleware:
    """Passes on the requests of sessions."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self.app = app
        self._authenticator = authenticator
        self._places = Places()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        scope["headers"] = [each for each in scope["headers"] if each[0] != UNTRUSTED_HEADER]
        connection = HTTPConnection(scope)
        session = self._authenticator.session_of(read_token(connection))
        state = scope.setdefault("state", {})
        state["session"], state["nonce"] = session, secrets.token_urlsafe(16)
        if scope["type"] == "websocket":
            await self._open_websocket(connection, receive, send)
            return
        secure, is_cacheable = is_secure(connection), scope["path"].startswith(CACHED_PREFIXES)
        send = add_security_headers(send, state["nonce"], secure=secure, is_cacheable=is_cacheable)
        rejection = _rejection(connection, session)
        body = (
            receive if connection.scope["method"] in SAFE_METHODS or rejection else await read_body(receive)
        )
        if body is None:
            return
        who = session or self._authenticator.session_of(_bearer_token(connection))
        with _answering(scope), self._places.take_for_request(who) as has_place:
            answer = rejection or (None if has_place else _too_many(connection))
            is_data = answer is None and scope["path"].startswith(API_PREFIX)
            async with self._places.take_for_answer(who if is_data else None) as has_turn:
                answer = answer or (None if has_turn else _too_many(connection))
                sending = send_in_parts(send, state.get("connection")) if is_data else send
                await (answer or self.app)(scope, body, sending)

    async def _open_websocket(self, connection: HTTPConnection, receive: Receive, send: Send) -> None:
        scope, session = connection.scope, connection.scope["state"]["session"]
        # One that names a Socket.IO session would take over another browser's.
        is_new = scope["path"].startswith(WEBSOCKET_PREFIX) and "sid" not in connection.query_params
        if session is None or not is_new or not is_same_origin(connection):
            await send({"type": "websocket.close", "code": CLOSE_CODE})
            return
        with _answering(scope), self._places.take_for_socket(session) as has_place:
            if has_place:
                await serve_session(session, self.app, scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": CLOSE_CODE})


def _answering(scope: Scope) -> contextlib.AbstractContextManager[object]:
    """The request is whole, and is being answered; others than our own server do not count."""
    connection = scope["state"].get("connection")
    return connection.answering() if connection else contextlib.nullcontext()


def _bearer_token(connection: HTTPConnection) -> str:
    return connection.headers.get("Authorization", "").removeprefix("Bearer ")


def _too_many(connection: HTTPConnection) -> Response:
    retry = {"Retry-After": "1"}
    if connection.scope["path"].startswith(API_PREFIX):
        return problem_response(HTTPStatus.TOO_MANY_REQUESTS, "busy", TOO_MANY, retry)
    return PlainTextResponse(TOO_MANY, HTTPStatus.TOO_MANY_REQUESTS, retry)


def _rejection(connection: HTTPConnection, session: Session | None) -> Response | None:
    """The answer to a request that is rejected; None if it may pass."""
    path, method = connection.scope["path"], connection.scope["method"]
    if method not in SAFE_METHODS and (rejection := _change_rejection(connection)):
        return rejection
    if path.startswith(WEBSOCKET_PREFIX):
        return PlainTextResponse("this path serves web sockets only", HTTPStatus.BAD_REQUEST)
    if session is not None or path in OPEN_PATHS or path.startswith(OPEN_PREFIXES):
        return None
    if method == "GET":
        return RedirectResponse(f"/login?next={quote(path)}", HTTPStatus.SEE_OTHER)
    return PlainTextResponse("log in first", HTTPStatus.UNAUTHORIZED)


def _change_rejection(connection: HTTPConnection) -> Response | None:
    is_api = connection.scope["path"].startswith(API_PREFIX)
    # A bearer token is sent by programs on purpose; only a cookie is sent by browsers by themselves.
    if not is_same_origin(connection) and (not is_api or read_token(connection)):
        if is_api:
            return problem_response(HTTPStatus.FORBIDDEN, "other", CROSS_SITE)
        return PlainTextResponse(CROSS_SITE, HTTPStatus.FORBIDDEN)
    length = connection.headers.get("Content-Length", "0")
    is_chunked = "Transfer-Encoding" in connection.headers
    # Python raises an error for numbers with thousands of digits.
    is_number = length.isdecimal() and len(length) <= MAX_LENGTH_DIGITS
    if is_chunked or not is_number or int(length) > MAX_BODY_BYTES:
        return PlainTextResponse("the request is too long", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return None
