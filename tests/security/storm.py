"""Many clients that come and go all at once: bare sockets, which cost next to nothing here."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mqtt5 import ConnAckPacket, ConnectPacket, PubAckPacket, PublishPacket, QoS, Will, read

from broker.address import MqttAddress

# So many are on their way in at once: the queue of the operating system has an end.
AT_ONCE = 100
READ_BYTES = 4096
WINDOW = 20


@dataclass(slots=True)
class Client:
    """A connection that was let in.

    Attributes:
        name: Its client id.
    """

    name: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def publish(self, topic: str, payload: str) -> bool:
        """Send a reading; whether the broker took it."""
        packet = PublishPacket(topic, payload.encode(), qos=QoS.AT_LEAST_ONCE, packet_id=1)
        self.writer.write(packet.write())
        answer = await _read(self.reader)
        return isinstance(answer, PubAckPacket)

    async def send(self, packets: Sequence[PublishPacket]) -> None:
        """Send messages, so many at once as any broker takes, and wait for the answers."""
        for start in range(0, len(packets), WINDOW):
            some = packets[start : start + WINDOW]
            self.writer.write(b"".join([each.write() for each in some]))
            await self.writer.drain()
            await self._acknowledged(len(some))

    async def _acknowledged(self, count: int) -> None:
        buffer = bytearray()
        while count:
            buffer += await self.reader.read(READ_BYTES)
            while count:
                try:
                    answer, size = read(memoryview(bytes(buffer)))
                except IndexError:
                    break
                assert isinstance(answer, PubAckPacket)
                del buffer[:size]
                count -= 1

    def drop(self) -> None:
        """Be gone without a word: the broker says so in its place."""
        self.writer.transport.abort()


async def connect(url: str, name: str) -> Client | None:
    """Connect with a will; None if it is turned away."""
    address = MqttAddress.parse(url)
    will = Will(
        topic=f"energy/status/a/{name}", payload=b'{"state": "offline"}', qos=QoS.AT_LEAST_ONCE, retain=True
    )
    packet = ConnectPacket(
        name, username=address.user, password=(address.password or "").encode(), clean_start=True, will=will
    )
    try:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return None
    try:
        writer.write(packet.write())
        answer = await _read(reader)
    except (OSError, asyncio.IncompleteReadError):
        writer.transport.abort()
        return None
    if isinstance(answer, ConnAckPacket) and answer.reason_code.value == 0:
        return Client(name, reader, writer)
    writer.transport.abort()
    return None


async def connect_all(url: str, names: Iterable[str]) -> list[Client]:
    """Connect all of them as fast as they are let in; gives those that were."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> Client | None:
        async with gate:
            return await connect(url, name)

    return [each for each in await asyncio.gather(*map(one, names)) if each is not None]


def drop_all(clients: Sequence[Client]) -> None:
    """All at once."""
    for each in clients:
        each.drop()


async def _read(reader: asyncio.StreamReader) -> object:
    buffer = b""
    while True:
        try:
            return read(memoryview(buffer))[0]
        except IndexError:
            more = await reader.read(READ_BYTES)
            if not more:
                raise asyncio.IncompleteReadError(buffer, None) from None
            buffer += more
