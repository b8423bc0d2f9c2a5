"""Publishes readings as fast as the broker takes them; run as a process of its own.

    FLOOD_URL=mqtt://… python flood.py SITE FIRST COUNT SENSORS [sequences]

Readings FIRST … FIRST + COUNT - 1 are the same at every run of a day: reading n is of sensor
n % SENSORS, and one in a hundred is an anomaly.
"""

import os
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from mqtt5 import ConnAckPacket, ConnectPacket, DisconnectPacket, PubAckPacket, PublishPacket, QoS, read

from broker.address import MqttAddress
from broker.messages import Reading
from broker.topics import Topics

CHUNK = 250


def reading(number: int, site: str, sensors: int, start: datetime, *, sequences: bool) -> Reading:
    return Reading(
        sensor_id=f"{site}-{number % sensors:05}",
        location="Flood",
        value_kwh=12.24 if number % 100 == 0 else 1.82,
        timestamp=start + timedelta(milliseconds=number),
        sequence=number // sensors if sequences else None,
    )


def packets(site: str, first: int, count: int, sensors: int, *, sequences: bool) -> Iterator[bytes]:
    topics = Topics()
    # Yesterday's last minutes: never ahead of the clock, the same until midnight.
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(minutes=30)
    for number in range(first, first + count):
        each = reading(number, site, sensors, start, sequences=sequences)
        yield PublishPacket(
            topics.readings(site, each.sensor_id),
            each.model_dump_json(exclude_none=True).encode(),
            qos=QoS.AT_LEAST_ONCE,
            packet_id=number % 65535 + 1,
        ).write()


def flood(url: str, ready: list[bytes]) -> None:
    address = MqttAddress.parse(url)
    count = len(ready)
    with socket.create_connection((address.host, address.port)) as connection:
        buffer = b""

        def receive() -> object:
            nonlocal buffer
            while True:
                try:
                    packet, size = read(memoryview(buffer))
                except IndexError:
                    buffer += connection.recv(65536)
                else:
                    buffer = buffer[size:]
                    return packet

        password = (address.password or "").encode()
        connect = ConnectPacket("flood", username=address.user, password=password, clean_start=True)
        connection.sendall(connect.write())
        connack = receive()
        assert isinstance(connack, ConnAckPacket)
        window = connack.receive_max
        sent = acknowledged = 0
        while acknowledged < count:
            while sent < count and sent - acknowledged <= window - CHUNK:
                connection.sendall(b"".join(ready[sent : sent + CHUNK]))
                sent = min(count, sent + CHUNK)
            assert isinstance(receive(), PubAckPacket)
            acknowledged += 1
        connection.sendall(DisconnectPacket().write())


if __name__ == "__main__":
    where, *numbers = sys.argv[1:5]
    first_number, how_many, of_sensors = map(int, numbers)
    ready_made = list(packets(where, first_number, how_many, of_sensors, sequences="sequences" in sys.argv))
    flood(os.environ["FLOOD_URL"], ready_made)
