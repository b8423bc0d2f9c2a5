"""A client that sends whatever it likes, packet by packet."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Self

from mqtt5 import ConnAckPacket, ConnectPacket, Packet, QoS, SubscribePacket, Subscription, read

from broker.address import MqttAddress

READ_BYTES = 65_536
PATIENCE_S = 60.0
LOOK_EVERY = 20
PER_PACKET = 50
DEEP = "/a/b/c/d/e/f/g/h"


class Attacker:
    """One connection of somebody who has a user.

    Args:
        url: Whose, and where.
        name: The client id.
        session_s: For how long its session is to be kept, seconds.
    """

    def __init__(self, url: str, name: str, session_s: int = 0) -> None:
        self._address = MqttAddress.parse(url)
        password = (self._address.password or "").encode()
        self._login = ConnectPacket(
            name, username=self._address.user, password=password, session_expiry_interval=session_s
        )
        self._buffer = b""

    async def __aenter__(self) -> Self:
        address = self._address
        self._reader, self._writer = await asyncio.open_connection(address.host, address.port)
        if not isinstance(await self.ask(self._login), ConnAckPacket):
            raise ConnectionError("it is not let in")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    async def send(self, packet: Packet) -> None:
        self._writer.write(packet.write())
        await self._writer.drain()

    async def ask(self, packet: Packet) -> object:
        """Send a packet; gives the answer.

        Raises:
            ConnectionError: It was disconnected.
        """
        await self.send(packet)
        return await self.hear()

    async def hear(self) -> object:
        """The next packet.

        Raises:
            ConnectionError: It was disconnected.
        """
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    packet, size = read(memoryview(self._buffer))
                except IndexError:
                    more = await self._reader.read(READ_BYTES)
                    if not more:
                        raise ConnectionResetError from None
                    self._buffer += more
                else:
                    self._buffer = self._buffer[size:]
                    return packet

    async def fill(self, is_enough: Callable[[], bool], levels: str = DEEP) -> None:
        """Subscribe to ever more topics until it is enough or it is disconnected.

        Args:
            is_enough: Asked now and then.
            levels: What is below the first levels of each topic; of many levels it costs the broker more.
        """
        for number in count():
            topics = [
                Subscription(f"{number}/{each}{levels}", max_qos=QoS.AT_LEAST_ONCE)
                for each in range(PER_PACKET)
            ]
            await self.ask(SubscribePacket(1, topics))
            if number % LOOK_EVERY == 0 and is_enough():
                return
