"""Answers only those who call the page by one of its names, so that no other website can pass for it."""

from http import HTTPStatus

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.program.hosts import HostNames


class HostCheck:
    """Passes on the requests with a good ``Host`` header."""

    def __init__(self, app: ASGIApp, names: HostNames) -> None:
        self.app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        reason = None
        if scope["type"] in {"http", "websocket"}:
            reason = self._names.rejection(HTTPConnection(scope).headers.get("Host", ""))
        if reason is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse(reason, HTTPStatus.MISDIRECTED_REQUEST)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "reason": reason[:100]})
