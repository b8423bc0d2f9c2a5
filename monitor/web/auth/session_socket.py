"""A web socket ends with its session, and takes only what NiceGUI's script sends, at a bounded rate."""

import asyncio
import contextlib
import re

from nicegui import json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.web.auth.sessions import Session

CLOSE_CODE = 4401
# WebSocket's own code for a message that is against the rules.
REJECT_CODE = 1008
# Makes NiceGUI's script load the page again, which leads to the log-in; as Socket.IO writes it.
RECONNECT_MESSAGE = '42["try_reconnect"]'
# Engine.IO: close, ping, pong. Socket.IO: connect and disconnect, without a namespace. Anything else would be
# kept: a binary event until all attachments have come that it announces, a namespace as long as the socket is
# open. And what cannot be read would be logged with a traceback.
CONTROL_PACKETS = frozenset({"1", "2", "3", "40", "41"})
EVENT = re.compile(r'42[0-9]{0,15}(?=\["(?:ack|event|handshake|javascript_response)", ?\{)')
# What a browser would have us write into the log.
LOG_EVENT = re.compile(r'42[0-9]{0,15}\["log"')
EVENT_LENGTH = 2
# Only operators write long texts: payloads that they repair. What is in a field is kept as long as its page.
VIEWERS_MESSAGE_LENGTH = 16 * 1024
MESSAGES_A_SECOND = 30
MESSAGES_AT_ONCE = 150
READ_WITHIN_S = 10


async def serve_session(session: Session, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Connect an application to the browser of a session, until one of them or the session ends."""
    socket = _SessionSocket(session, scope, receive, send)
    try:
        await app(scope, socket.receive, socket.send)
    finally:
        socket.ending.cancel()


def is_packet(message: Message) -> bool:
    """Whether it is something that NiceGUI's script sends."""
    if message["type"] != "websocket.receive":
        return True
    text = message.get("text") or ""
    if text in CONTROL_PACKETS:
        return True
    event = EVENT.match(text)
    try:
        return event is not None and len(json.loads(text[event.end() :])) == EVENT_LENGTH
    except ValueError:
        return False


def _is_log_event(message: Message) -> bool:
    return LOG_EVENT.match(message.get("text") or "") is not None


class _SessionSocket:
    def __init__(self, session: Session, scope: Scope, receive: Receive, send: Send) -> None:
        self.ending = asyncio.create_task(session.ended(), name="web.session-end")
        self._session = session
        self._connection = scope["state"].get("connection")
        self._receive = receive
        self._send = send
        self._pace = _Pace()
        self._is_open = False

    async def receive(self) -> Message:
        while True:
            message = await self._receive_next()
            if not _is_log_event(message):
                return message

    async def _receive_next(self) -> Message:
        await self._pace.wait()
        receiving = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait({receiving, self.ending}, return_when=asyncio.FIRST_COMPLETED)
            if self._session.is_active:
                message = await receiving
                if self._may_say(message) and (is_packet(message) or _is_log_event(message)):
                    return message
                return await self._close(REJECT_CODE)
        finally:
            receiving.cancel()
        return await self._close(CLOSE_CODE, RECONNECT_MESSAGE)

    def _may_say(self, message: Message) -> bool:
        return self._session.may_operate or len(message.get("text") or "") <= VIEWERS_MESSAGE_LENGTH

    async def send(self, message: Message) -> None:
        # Nothing more is sent once the session has ended.
        if self._session.is_active:
            self._is_open = message["type"] != "websocket.close"
            await self._send_in_time(message)

    async def _close(self, code: int, last_words: str = "") -> Message:
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(OSError):
                if last_words:
                    await self._send_in_time({"type": "websocket.send", "text": last_words})
                await self._send_in_time({"type": "websocket.close", "code": code})
        return {"type": "websocket.disconnect", "code": code}

    async def _send_in_time(self, message: Message) -> None:
        """Send; what a browser does not read must not be kept for it."""
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                await self._send(message)
        except TimeoutError:
            self._is_open = False
            if self._connection is not None:
                self._connection.abort()


class _Pace:
    """Lets so many messages pass at once, and so many a second for long; who sends more waits."""

    def __init__(self) -> None:
        self._left = float(MESSAGES_AT_ONCE)
        self._at = asyncio.get_running_loop().time()

    async def wait(self) -> None:
        now = asyncio.get_running_loop().time()
        self._left = min(MESSAGES_AT_ONCE, self._left + (now - self._at) * MESSAGES_A_SECOND) - 1
        self._at = now
        if self._left < 0:
            await asyncio.sleep(-self._left / MESSAGES_A_SECOND)
