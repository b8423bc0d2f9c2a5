"""A client of the broker that writes whatever bytes it likes and reads no answer."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mqtt5 import ConnAckPacket, ConnectPacket, read

from broker.address import MqttAddress

ANSWER_BYTES = 64 * 1024
RETRY_S = 0.5


@asynccontextmanager
async def connect_raw(
    url: str, name: str, *, session_expiry_s: int = 0
) -> AsyncIterator[asyncio.StreamWriter]:
    """Connect and throw away every answer.

    Raises:
        OSError: The broker does not let it in.
    """
    address = MqttAddress.parse(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    packet = ConnectPacket(
        name,
        username=address.user,
        password=(address.password or "").encode(),
        clean_start=False,
        session_expiry_interval=session_expiry_s,
    )
    discarding: asyncio.Task[None] | None = None
    try:
        writer.write(packet.write())
        answer = read(memoryview(await reader.read(ANSWER_BYTES) + bytes(8)))[0]
        if not isinstance(answer, ConnAckPacket) or answer.reason_code.value:
            raise ConnectionRefusedError("the broker does not let it in")
        discarding = asyncio.create_task(_discard(reader))
        yield writer
    finally:
        writer.transport.abort()
        if discarding is not None:
            discarding.cancel()


async def _discard(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(ANSWER_BYTES):
            pass


async def write_for(url: str, name: str, seconds: float, packet: Callable[[int], bytes]) -> int:
    """Write packets as fast as they are taken, and begin again whenever the connection ends.

    Args:
        url: The broker's, for the attacker.
        name: The client id.
        seconds: For how long.
        packet: Makes the bytes of the packet of a number.

    Returns:
        How many were written.
    """
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError, IndexError, TimeoutError):
            async with connect_raw(url, name) as writer, asyncio.timeout(until - time.monotonic()):
                while not writer.is_closing():
                    writer.write(packet(number))
                    number += 1
                    await writer.drain()
                    await asyncio.sleep(0)  # the measuring clients share this loop
        await asyncio.sleep(RETRY_S)  # as a client that was thrown out does
    return number


def packet_id(number: int) -> int:
    """A packet id for a number: 1 to 65,535, again and again."""
    return number % 65_535 + 1
