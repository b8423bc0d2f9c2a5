"""The beginning of a connection: TCP or a Unix socket, TLS, and MQTT's handshake.

aiomqtt 3.0.0a1 blocks the event loop while it connects, and does not know IPv6.
"""

import asyncio
import ssl
from typing import Self

import aiomqtt
from mqtt5 import ConnAckPacket, ConnAckReasonCode, ConnectPacket

from broker.address import MqttAddress

CONNECT_TIMEOUT_S = 10.0

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def open_stream(address: MqttAddress) -> Stream:
    """Open a connection without blocking the loop.

    Raises:
        OSError: Nobody listens there, or not with TLS of an authority that is trusted.
    """
    if address.socket is not None:
        return await asyncio.open_unix_connection(address.socket)
    return await asyncio.open_connection(address.host, address.port, ssl=address.tls_context())


class ConnectingClient(aiomqtt.Client):
    """aiomqtt's client with a handshake of our own."""

    def __init__(self, address: MqttAddress, **options: object) -> None:
        super().__init__(
            hostname=address.host,
            port=address.port,
            username=address.user,
            password=None if address.password is None else address.password.encode(),
            **options,  # type: ignore[arg-type]  # aiomqtt's own, checked where it is built
        )
        self._address = address

    async def __aenter__(self) -> Self:
        """Connect, in a bounded time."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await super().__aenter__()

    async def _connect(self) -> None:
        """Called by aiomqtt: open the connection and log in."""
        self._reader, self._writer = await open_stream(self._address)
        await self._send(
            ConnectPacket(
                client_id=self.identifier,
                username=self._username,
                password=self._password,
                clean_start=self._clean_start,
                will=self._will,
                keep_alive=self._keep_alive,
                session_expiry_interval=self._session_expiry_interval,
                receive_max=self._receive_max,
                max_packet_size=self._max_packet_size,
            )
        )
        answer = await self._receive()
        if not isinstance(answer, ConnAckPacket):
            raise aiomqtt.ProtocolError(f"{type(answer).__name__} in place of a CONNACK")
        if answer.reason_code is not ConnAckReasonCode.SUCCESS:
            raise aiomqtt.NegativeAckError(answer)
        if answer.server_keep_alive is not None:
            self._keep_alive = answer.server_keep_alive
        self._connected.set_result(answer)
        self._disconnected: asyncio.Future[None] = asyncio.Future()


def describe_failure(error: BaseException) -> str:
    """Say in a few words why no connection came about."""
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_TIMEOUT_S:g} s"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it closed the connection"
