"""A web socket ends with its session: at log-out, or when the session expires."""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.web.auth.sessions import Session

CLOSE_CODE = 4401
# Makes NiceGUI's script load the page again, which leads to the log-in; as Socket.IO writes it.
RECONNECT_MESSAGE = '42["try_reconnect"]'
DISCONNECT: Message = {"type": "websocket.disconnect", "code": CLOSE_CODE}


async def serve_session(session: Session, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Connect an application to the browser of a session, until one of them or the session ends."""
    ending = asyncio.create_task(session.ended(), name="web.session-end")
    is_open = False

    async def receive_message() -> Message:
        nonlocal is_open
        receiving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait({receiving, ending}, return_when=asyncio.FIRST_COMPLETED)
            if session.is_active:
                return await receiving
        finally:
            receiving.cancel()
        if is_open:
            is_open = False
            with contextlib.suppress(OSError):
                await send({"type": "websocket.send", "text": RECONNECT_MESSAGE})
                await send({"type": "websocket.close", "code": CLOSE_CODE})
        return DISCONNECT

    async def send_message(message: Message) -> None:
        nonlocal is_open
        # Nothing more is sent once the session has ended.
        if session.is_active:
            is_open = message["type"] != "websocket.close"
            await send(message)

    try:
        await app(scope, receive_message, send_message)
    finally:
        ending.cancel()
