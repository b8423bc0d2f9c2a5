"""What is published: readings like those of a sensor node, ready to be sent."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mqtt5 import PublishPacket, QoS

from broker.messages import format_timestamp
from broker.topics import Topics

SITE = "bench"
FULL_FORM_UP_TO = 100
NORMAL_KWH, HIGH_KWH = 1.82, 12.24


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What one publisher sends.

    Attributes:
        count: How many readings.
        sensors: Of how many sensors, in turn.
        anomalies: How many of a hundred are above the threshold.
        scattered: Whether each sensor is above it now and then, instead of some always: each time is
            an alarm of its own.
        sequences: Whether they have a sequence and are to be confirmed.
        array: How many readings of a sensor are in one payload. Above a hundred they are written
            short, without a location and a sequence.
        rate: Readings per second; 0 for as fast as the broker takes them.
    """

    count: int
    sensors: int = 100
    anomalies: int = 1
    scattered: bool = False
    sequences: bool = False
    array: int = 1
    rate: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)

    @property
    def messages(self) -> int:
        """How many payloads that makes."""
        return self.count // self.array

    def packets(self) -> Iterator[bytes]:
        """The PUBLISH packets, in order."""
        topics, per_sensor = Topics(), self.count // self.sensors + 1
        # The last readings have the time of now, and no sensor has two at one millisecond.
        start = datetime.now(UTC) - timedelta(milliseconds=per_sensor)
        for number in range(self.messages):
            sensor, turn = number % self.sensors, number // self.sensors
            name = f"b{sensor}"
            rows = [
                self._payload(name, number * self.array + row, turn * self.array + row, start)
                for row in range(self.array)
            ]
            payload = rows[0] if self.array == 1 else f"[{','.join(rows)}]"
            yield PublishPacket(
                topics.readings(SITE, name),
                payload.encode(),
                qos=QoS.AT_LEAST_ONCE,
                packet_id=number % 65535 + 1,
            ).write()

    def _payload(self, name: str, number: int, turn: int, start: datetime) -> str:
        place = number // self.sensors + number if self.scattered else number
        value_kwh = HIGH_KWH if place % 100 < self.anomalies else NORMAL_KWH
        moment = start + timedelta(milliseconds=turn)
        if self.array > FULL_FORM_UP_TO:
            # So that a thousand of them fit into the 64 KiB of a payload.
            return f'{{"sensor_id":"{name}","value_kwh":{value_kwh},"timestamp":{moment.timestamp():.3f}}}'
        sequence = f',"sequence":{turn}' if self.sequences else ""
        return (
            f'{{"sensor_id":"{name}","value_kwh":{value_kwh},"timestamp":"{format_timestamp(moment)}",'
            f'"location":"LARI Research Lab"{sequence}}}'
        )
