"""Deliveries as the broker makes them, and what the ingestor reads from them without a server."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, cast

from mqtt5 import PublishPacket, QoS

from broker.messages import ReadingRow
from broker.topics import SensorKey
from ingestor.counters import Counters
from ingestor.decode.decoders import decode
from ingestor.delivery import Delivery, Rejection
from ingestor.documents import Timestamp
from ingestor.flag import Thresholds, threshold_of
from ingestor.flow_control.deferral import Deferral
from ingestor.validate import check_message, sensor_key, validate

if TYPE_CHECKING:
    from ingestor.store.deferred_records import DeferredRecords


class Valid(NamedTuple):
    """A row that may be stored."""

    reading: ReadingRow
    timestamp: Timestamp
    key: SensorKey
    row: int | None


Checked = Valid | Rejection


def deferral(counters: Counters) -> Deferral:
    """What is set aside when there is no database: nothing."""
    return Deferral(cast("DeferredRecords", object()), counters, asyncio.Event())


def delivery(payload: bytes, topic: str = "energy/readings/lari/S-1", *, retain: bool = False) -> Delivery:
    packet = PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=1, retain=retain)
    return Delivery(packet, sensor_key(topic))


def check(delivered: Delivery, now: datetime) -> Sequence[Checked]:
    """One answer per row, or a single rejection."""
    key = check_message(delivered)
    if isinstance(key, Rejection):
        return [key]
    decode(delivered)
    validate(delivered, key, now)
    return [
        row if isinstance(row, Rejection) else Valid(*row, key, index if delivered.is_array else None)
        for index, row in enumerate(delivered.rows)
    ]


def exceeded_threshold(reading: ReadingRow, site: str, thresholds: Thresholds) -> float | None:
    """The threshold that a reading is strictly above, kWh; None for a normal reading."""
    threshold_kwh = threshold_of(thresholds, site, reading["sensor_id"])
    return threshold_kwh if reading["value_kwh"] > threshold_kwh else None
