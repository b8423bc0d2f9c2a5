"""What anybody can do to a port without a password."""

import asyncio
import contextlib
import time

from tests.attack.target import AttackTarget

HEADER_LINES = b"X-Line: " + b"x" * 4000 + b"\r\n"
CONNECTIONS = 1_500
LOOK_EVERY_S = 0.2
ANNOUNCING = 9_000
# MQTT 5, 3.1: the length of the rest, 131,000, as a variable byte integer, and the name of the protocol.
ANNOUNCED_CONNECT = b"\x10\xb8\xff\x07\x00\x04MQTT"


def _http_ports(target: AttackTarget) -> list[int]:
    return [target.page.port, target.ingestor.http_port]


async def endless_headers(target: AttackTarget, seconds: float) -> None:
    """Send header lines without an end, to the page and to the ingestor's health pages."""
    until = time.monotonic() + seconds
    await asyncio.gather(*(_send_headers(port, until) for port in _http_ports(target)))


async def _send_headers(port: int, until: float) -> None:
    while time.monotonic() < until:
        with contextlib.suppress(OSError, TimeoutError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n")
                async with asyncio.timeout(until - time.monotonic()):
                    while not writer.is_closing():
                        writer.write(HEADER_LINES * 8)
                        await writer.drain()
                        await asyncio.sleep(0)  # the measuring clients share this loop
            finally:
                writer.transport.abort()
        await asyncio.sleep(LOOK_EVERY_S)  # as a client that was thrown out does


async def silent_connections(target: AttackTarget, seconds: float) -> None:
    """Hold 1,500 connections to each port, and a new one for each that was closed; say nothing."""
    until = time.monotonic() + seconds
    ports = [*_http_ports(target), target.world.servers.mqtt_port]
    await asyncio.gather(*(_hold(port, until) for port in ports))


async def announced_packets(target: AttackTarget, seconds: float) -> None:
    """Announce a CONNECT of 131 kB on 9,000 connections to the broker, and send ten bytes of each."""
    await _hold(target.world.servers.mqtt_port, time.monotonic() + seconds, ANNOUNCING, ANNOUNCED_CONNECT)


async def _hold(port: int, until: float, count: int = CONNECTIONS, beginning: bytes = b"") -> None:
    held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    try:
        while time.monotonic() < until:
            for gone in [each for each in held if each[0].at_eof()]:
                gone[1].transport.abort()
                held.remove(gone)
            with contextlib.suppress(OSError):
                while len(held) < count:
                    held.append(await asyncio.open_connection("127.0.0.1", port))
                    held[-1][1].write(beginning)
            await asyncio.sleep(LOOK_EVERY_S)  # between two looks
    finally:
        for _, writer in held:
            writer.transport.abort()
