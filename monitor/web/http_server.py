"""The HTTP server: uvicorn, with limits for what strangers may make it keep."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from broker.program.connection_limit import Connection, ConnectionLimit
from monitor.web.web_socket import BoundedWebSocket

SHUTDOWN_GRACE_S = 2
MAX_CONNECTIONS = 600
# Behind a reverse proxy, everybody has its address.
CONNECTIONS_OF_ADDRESS = 0.75
MAX_HEADER_BYTES = 16 * 1024
# More than a repair of the largest payload takes.
MAX_MESSAGE_BYTES = 512 * 1024


class ListenError(Exception):
    """Raised when the address cannot be used; says why."""


def make_config(app: ASGIApp, proxy: str | None, context: ssl.SSLContext | None) -> uvicorn.Config:
    """Configure uvicorn.

    Args:
        app: The application.
        proxy: The address of a trusted proxy, or of its network.
        context: For https; None for plain HTTP.
    """
    return uvicorn.Config(
        app,
        # At a lower level, each request that is no HTTP would write a line.
        log_level="error",
        # Its lines are written like all others.
        log_config=None,
        access_log=False,
        # Unlike httptools, h11 bounds what it keeps of a request that has no end.
        http="h11",
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        ws=BoundedWebSocket,
        ws_max_size=MAX_MESSAGE_BYTES,
        # A few bytes would become a large message, or many.
        ws_per_message_deflate=False,
        server_header=False,
        # By default uvicorn trusts everybody on this machine.
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy or "",
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        ssl_context_factory=None if context is None else lambda *_: context,
    )


class HttpServer(uvicorn.Server):
    """Accepts connections within limits, in place of those that uvicorn would accept."""

    accepting: asyncio.Task[None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and accept connections."""
        await super().startup([])
        (listener,) = sockets or []
        limit = ConnectionLimit(
            listener,
            self._make_protocol,
            tls=self.config.ssl,
            most=MAX_CONNECTIONS,
            share=CONNECTIONS_OF_ADDRESS,
        )
        self.accepting = asyncio.create_task(limit.serve(), name="web.accept")

    async def on_tick(self, counter: int) -> bool:
        """End with an error if connections are no longer accepted."""
        if self.accepting.done():
            await self.accepting
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, and end those that there are."""
        self.accepting.cancel()
        await super().shutdown(sockets)

    def _make_protocol(self, connection: Connection) -> asyncio.Protocol:
        # Requests find it in their state.
        return H11Protocol(self.config, self.server_state, {**self.lifespan.state, "connection": connection})

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process, which tells this server to stop."""
        yield


def listen(http: str) -> socket.socket:
    """Listen on ``host:port``.

    Raises:
        ListenError: The address cannot be used.
    """
    host, port = http.rsplit(":", 1)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host.strip("[]"), int(port)), family=family)
    except (OSError, OverflowError) as error:
        number = error.errno if isinstance(error, OSError) else None
        # A failed name lookup has a negative number, for which the system has no text.
        reason = os.strerror(number) if number and number > 0 else error.args[-1]
        raise ListenError(f"cannot listen on {http} ({reason}); give another --http") from error
    # Without it, the end of an answer waits 40 ms for the browser to acknowledge its beginning.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
