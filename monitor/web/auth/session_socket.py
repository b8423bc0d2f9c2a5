"""What is open for somebody ends when they log out or their time is over."""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.web.auth.sessions import Session

CLOSE_CODE = 4401
# To NiceGUI's script, as Socket.IO writes it: ask for this page again, which leads to the log-in.
RECONNECT_MESSAGE = '42["try_reconnect"]'
DISCONNECT: Message = {"type": "websocket.disconnect", "code": CLOSE_CODE}


class SessionSocket:
    """A web socket of one person, which they have no longer than they are logged in.

    Args:
        person: Whose it is.
        receive: Gives what the browser says.
        send: Tells the browser.
    """

    def __init__(self, person: Session, receive: Receive, send: Send) -> None:
        self._person = person
        self._receive = receive
        self._send = send
        self._is_open = False

    async def serve(self, app: ASGIApp, scope: Scope) -> None:
        """Have an application talk to the browser, until one of them ends it or the person goes."""
        self._going = asyncio.create_task(self._person.ended(), name="web.going")
        try:
            await app(scope, self._receive_message, self._send_message)
        finally:
            self._going.cancel()

    async def _receive_message(self) -> Message:
        hearing = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait({hearing, self._going}, return_when=asyncio.FIRST_COMPLETED)
            if self._person.is_active:
                return await hearing
        finally:
            hearing.cancel()
        await self._close()
        return DISCONNECT

    async def _send_message(self, message: Message) -> None:
        # What is still on its way to somebody who has gone is told to nobody.
        if self._person.is_active:
            self._is_open = message["type"] != "websocket.close"
            await self._send(message)

    async def _close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        with contextlib.suppress(OSError):
            await self._send({"type": "websocket.send", "text": RECONNECT_MESSAGE})
            await self._send({"type": "websocket.close", "code": CLOSE_CODE})
