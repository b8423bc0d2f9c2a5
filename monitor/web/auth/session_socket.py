"""A web socket ends with its session: at log-out, or when the session expires."""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.web.auth.sessions import Session

CLOSE_CODE = 4401
# Makes NiceGUI's script load the page again, which leads to the log-in; as Socket.IO writes it.
RECONNECT_MESSAGE = '42["try_reconnect"]'
DISCONNECT: Message = {"type": "websocket.disconnect", "code": CLOSE_CODE}


class SessionSocket:
    """A web socket of a session."""

    def __init__(self, session: Session, receive: Receive, send: Send) -> None:
        self._session = session
        self._receive = receive
        self._send = send
        self._is_open = False

    async def serve(self, app: ASGIApp, scope: Scope) -> None:
        """Connect an application to the browser, until one of them or the session ends."""
        self._ending = asyncio.create_task(self._session.ended(), name="web.session-end")
        try:
            await app(scope, self._receive_message, self._send_message)
        finally:
            self._ending.cancel()

    async def _receive_message(self) -> Message:
        receiving = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait({receiving, self._ending}, return_when=asyncio.FIRST_COMPLETED)
            if self._session.is_active:
                return await receiving
        finally:
            receiving.cancel()
        await self._close()
        return DISCONNECT

    async def _send_message(self, message: Message) -> None:
        # Nothing more is sent once the session has ended.
        if self._session.is_active:
            self._is_open = message["type"] != "websocket.close"
            await self._send(message)

    async def _close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        with contextlib.suppress(OSError):
            await self._send({"type": "websocket.send", "text": RECONNECT_MESSAGE})
            await self._send({"type": "websocket.close", "code": CLOSE_CODE})
