"""A broker that follows a script, for what no healthy broker does on demand."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from mqtt5 import ConnAckPacket, ConnectPacket, DisconnectPacket, Packet, PubAckPacket, PublishPacket, read

from broker.address import MqttAddress
from broker.connection import OutgoingMessage
from broker.supervisor import ConnectionSupervisor


class Peer:
    """The broker's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._buffer = b""

    async def receive(self) -> Packet | None:
        while True:
            try:
                packet, size = read(memoryview(self._buffer))
            except IndexError:
                data = await self._reader.read(65536)
                if not data:
                    return None
                self._buffer += data
            else:
                self._buffer = self._buffer[size:]
                return packet

    def send(self, *packets: PubAckPacket | PublishPacket | ConnAckPacket | DisconnectPacket) -> None:
        self.writer.write(b"".join(packet.write() for packet in packets))

    def reset(self) -> None:
        """End the connection as a crashed machine does: with a TCP RST."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def broker(script: Script, connack: ConnAckPacket | None = None) -> AsyncIterator[ConnectionSupervisor]:
    """A broker that answers CONNECT and then follows a script."""
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        try:
            # Who only looks whether somebody listens sends none.
            if isinstance(await peer.receive(), ConnectPacket):
                peer.send(connack or ConnAckPacket(receive_max=1000))
                await script(peer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield ConnectionSupervisor(
            MqttAddress.parse(f"mqtt://user:password@127.0.0.1:{port}"),
            "test",
            lambda *_: None,
            will=OutgoingMessage("will", b""),
            takeover_hint="there is a rival",
        )
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def listen_for_ever(peer: Peer) -> None:
    while await peer.receive() is not None:
        pass


async def for_ever() -> None:
    await asyncio.Event().wait()
