"""MQTT at its barest, so that what is measured is never this side: a blocking socket."""

import contextlib
import socket
import ssl
from collections.abc import Iterable

from mqtt5 import (
    ConnAckPacket,
    ConnectPacket,
    DisconnectPacket,
    Packet,
    QoS,
    SubAckPacket,
    SubscribePacket,
    Subscription,
    read,
)

from broker.address import MqttAddress

READ_BYTES = 256 * 1024
PUBLISH = 0x30
PUBACK = b"\x40\x02"
# A length takes up to four bytes; each with this bit says that another follows (MQTT 5, 1.5.5).
MORE = 0x80
LONGEST_HEADER = 5


class MqttSocket:
    """One connection.

    Args:
        url: Broker, user and password.
        client: The client id.
        session_s: How long the broker keeps the session afterwards, seconds; 0 begins and ends without one.
        receive_max: How many messages the broker may have on the way to us.
    """

    def __init__(self, url: str, client: str, *, session_s: int = 0, receive_max: int = 4000) -> None:
        address = MqttAddress.parse(url)
        self.socket: socket.socket = socket.create_connection((address.host, address.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context := address.tls_context():
            self.socket = context.wrap_socket(self.socket, server_hostname=address.host)
        self._rest = b""
        connect = ConnectPacket(
            client,
            username=address.user,
            password=(address.password or "").encode(),
            clean_start=session_s == 0,
            session_expiry_interval=session_s,
            receive_max=receive_max,
        )
        self.socket.sendall(connect.write())
        answer = self._answer()
        if not isinstance(answer, ConnAckPacket):
            raise ConnectionError(f"the broker answers {answer} to CONNECT")
        self.window = answer.receive_max
        self._is_resumed = answer.session_present

    def subscribe(self, pattern: str) -> None:
        """Subscribe at QoS 1, unless the session has done so before."""
        if self._is_resumed:
            return
        wanted = Subscription(pattern=pattern, max_qos=QoS.AT_LEAST_ONCE)
        self.socket.sendall(SubscribePacket(1, [wanted]).write())
        answer = self._answer()
        if not isinstance(answer, SubAckPacket):
            raise ConnectionError(f"the broker answers {answer} to SUBSCRIBE")

    def _answer(self) -> Packet:
        while True:
            try:
                packet, size = read(memoryview(self._rest))
            except IndexError:
                self._rest += self._receive()
            else:
                self._rest = self._rest[size:]
                return packet

    def _receive(self) -> bytes:
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise ConnectionError("the broker closed the connection")
        return data + self._records() if isinstance(self.socket, ssl.SSLSocket) else data

    def _records(self) -> bytes:
        """What else has come: a read brings one record of TLS, and Mosquitto puts a packet into each."""
        records = []
        self.socket.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError):
            while data := self.socket.recv(READ_BYTES):
                records.append(data)
        self.socket.setblocking(True)
        return b"".join(records)

    def pubacks(self) -> int:
        """Wait for PUBACKs, and say how many came."""
        data = self._rest + self._receive()
        whole = len(data) // 4 * 4
        if data[:whole:4].count(b"\x40") == data[1:whole:4].count(b"\x02") == whole // 4:
            # All are of the short form, four bytes: nothing to take apart.
            self._rest = data[whole:]
            return whole // 4
        count = 0
        left = 0
        while left + 2 <= len(data) and (size := 2 + data[left + 1]) <= len(data) - left:
            left += size
            count += 1
        self._rest = data[left:]
        return count

    def publishes(self) -> list[bytes]:
        """Wait for messages, and give their packet ids; nothing else of them is looked at."""
        data = self._rest + self._receive()
        packet_ids = []
        left, right = 0, len(data)
        while right - left > LONGEST_HEADER or (right - left > 1 and data[left + 1] < MORE):
            size, start, shift = 0, left + 1, 0
            while True:
                byte = data[start]
                size |= (byte & 0x7F) << shift
                start, shift = start + 1, shift + 7
                if byte < MORE:
                    break
            if start + size > right:
                break
            if data[left] & 0xF0 == PUBLISH:
                place = start + 2 + (data[start] << 8 | data[start + 1])
                packet_ids.append(data[place : place + 2])
            left = start + size
        self._rest = data[left:]
        return packet_ids

    def close(self) -> None:
        """Say goodbye, and close."""
        self.socket.sendall(DisconnectPacket().write())
        self.socket.close()

    def acknowledge(self, packet_ids: Iterable[bytes]) -> None:
        """Answer with PUBACKs, all in one write."""
        self.socket.sendall(b"".join([PUBACK + each for each in packet_ids]))
