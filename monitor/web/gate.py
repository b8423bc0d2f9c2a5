"""Stands before every page: nobody passes without having logged in, and browsers are told to be strict.

NiceGUI draws pages by compiling templates in the browser, which takes ``unsafe-eval``, and styles
elements in place. Scripts in the page itself run only if they carry this answer's nonce, which nothing
that comes from a sensor can: all of that is escaped before. So an element that slipped through could
still not run anything.
"""

import secrets
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.web.access import Access

COOKIE = "energy_monitor"
OPEN_PATHS = frozenset({"/login", "/live", "/favicon.ico"})
# Libraries and looks, the same for everybody; the REST interface asks for tokens itself.
OPEN_PREFIXES = ("/static/", "/_nicegui/", "/api/v1/")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
CLOSED = 4401


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
        connection = HTTPConnection(scope)
        path = connection.url.path
        person = self._access.whose(connection.cookies.get(COOKIE, ""))
        scope.setdefault("state", {})["person"] = person
        is_open = path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)
        if scope["type"] == "websocket":
            if person is None or not _is_from_here(connection.headers):
                await send({"type": "websocket.close", "code": CLOSED})
                return
            await self.app(scope, receive, send)
            return
        strict = _Strict(send)
        if person is not None or is_open:
            await self.app(scope, receive, strict)
        elif scope["method"] == "GET":
            await RedirectResponse(f"/login?next={quote(path)}", 303)(scope, receive, strict)
        else:
            await PlainTextResponse("log in first", 401)(scope, receive, strict)


class _Strict:
    """Adds the headers to an answer, and the nonce to the scripts of a page."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._nonce = secrets.token_urlsafe(16)
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers["Content-Security-Policy"] = POLICY.format(nonce=self._nonce)
            if headers.get("Content-Type", "").startswith("text/html"):
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = self._body.replace(b"<script", f'<script nonce="{self._nonce}"'.encode())
            MutableHeaders(scope=self._start)["Content-Length"] = str(len(body))
            await self._send(self._start)
            message = {"type": "http.response.body", "body": body}
        await self._send(message)


def _is_from_here(headers: Headers) -> bool:
    """Whether a browser says that a page of this server asks; who is no browser says nothing."""
    origin = headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == headers.get("Host")


def is_from_here(connection: HTTPConnection) -> bool:
    """Whether a request comes from a page of this server, as far as a browser says so."""
    return _is_from_here(connection.headers)
