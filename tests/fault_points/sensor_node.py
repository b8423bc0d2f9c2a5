"""Fault points of a sensor node, on the way of a reading from its outbox to the broker."""

import os
from collections import defaultdict
from collections.abc import Sequence

from broker.connection import Connection
from broker.messages import to_ranges
from sensor_node.outbox import durable, in_flight, outbox, publisher
from sensor_node.outbox.durable import DurableOutbox
from sensor_node.outbox.outbox import Outbox
from tests.fault_points.point import Point

# What faults get hold of.
Kept = outbox.OutboxEntry
Publisher = publisher.Publisher

# The outbox.
OUTBOX_ADD = Point(Outbox, "add")
OUTBOX_WRITE = Point(DurableOutbox, "_write")
OUTBOX_DELETE = Point(DurableOutbox, "_delete")
ERRORS_WITHOUT_ROOM = Point(durable, "NO_ROOM")
READ_ROW = Point(durable, "_read")
# With which the ledger looks at its own end.
READ_END_OF_LEDGER = Point(os, "pread")

# Sent, and sent again: on a new connection all at once, and each after a while.
PUBLISH_READINGS = Point(Publisher, "_publish")
SEND_AGAIN = Point(Outbox, "send_again")
TAKE_MISSING = Point(in_flight.InFlight, "take_missing")
TAKE_MISSING_AS_IT_IS = TAKE_MISSING.original
SEND_AGAIN_AFTER_S = Point(in_flight, "RESEND_AFTER_S")


def topic_of(publisher: Publisher, reading: Kept) -> str:
    """Where a reading is published."""
    return publisher._topics.readings(*reading.sensor_key)


async def forget(publisher: Publisher, readings: Sequence[Kept]) -> None:
    """Have the outbox forget readings as if the ingestor had confirmed them."""
    sequences = defaultdict(list)
    for reading in readings:
        sequences[reading.sensor_key].append(reading.sequence)
    for place, sent in sequences.items():
        await publisher._outbox.forget(place, to_ranges(sent), 0.0, stored=True)


async def publish_once(publisher: Publisher, connection: Connection) -> None:
    """Publish what waits to be sent once."""
    await publisher._publish_once(connection)


def take_old(sent: in_flight.InFlight, now_s: float) -> list[in_flight.EntryKey]:
    """Take what was sent long ago for missing."""
    sent._handled_s = now_s
    taken: list[in_flight.EntryKey] = TAKE_MISSING_AS_IT_IS(sent, now_s)
    return taken
