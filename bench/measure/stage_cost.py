"""Where the time of a reading goes: each stage of the ingestor alone, and the database alone."""

import gc
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import bson
from bson.raw_bson import RawBSONDocument
from mqtt5 import PublishPacket, read
from pymongo import WriteConcern

from bench.load.load_plan import LoadPlan
from bench.processes import cpu_s
from bench.rig import BenchRig
from broker.connection import Connection, pack_puback
from broker.topics import Topics
from ingestor.batch_reader import BATCH_READINGS
from ingestor.confirm import Receipts
from ingestor.counters import Counters
from ingestor.decode.decoders import decode
from ingestor.delivery import Batch, Delivery, Rejection
from ingestor.documents import Measure, hour_of, utc_now
from ingestor.flag import Thresholds, flag
from ingestor.receive.inbox import Inbox
from ingestor.store import schema
from ingestor.store.database import DURABLE
from ingestor.store.sensor_updates import SensorUpdates
from ingestor.validate import check_message, sensor_key, validate

TIMES = 5
A_READ = 300
IN_FLIGHT = 2


@dataclass(frozen=True, slots=True)
class StageCost:
    """One stage.

    Attributes:
        cost_us: Time per reading when nothing else runs, the least of five, microseconds.
    """

    name: str
    cost_us: float


def stages(count: int) -> list[StageCost]:
    """Time the stages that are computation; sockets, the event loop and motor come on top."""
    sent = b"".join(LoadPlan(count, sequences=True).packets())
    packets, now, thresholds = _packets(sent), utc_now(), Thresholds(12.0)
    deliveries = [_decoded(packet, now) for packet in packets]
    measures = [each for delivery in deliveries for each in _flagged(delivery, thresholds, now)]
    topics, sensors = Topics(), SensorUpdates()
    parts: dict[str, Callable[[], object]] = {
        "parse the packet": lambda: _packets(sent),
        "queue it and take it out": lambda: _through_the_inbox(packets, topics),
        "decode and validate the payload": lambda: [_decoded(packet, now) for packet in packets],
        "make the document": lambda: [_flagged(each, thresholds, now) for each in deliveries],
        "encode it": lambda: [
            bson.encode({"documents": measures[begin : begin + BATCH_READINGS]})
            for begin in range(0, count, BATCH_READINGS)
        ],
        "note its sensor": lambda: sensors.on_stored(measures),
        "note its hour": lambda: {hour_of(measure["_id"]) for measure in measures},
        "confirm it, where it has a sequence": lambda: Receipts(topics).confirm(_batch(deliveries, now), ()),
        "acknowledge it": lambda: b"".join(
            [pack_puback(0x40, 2, packet.packet_id or 0) for packet in packets]
        ),
    }
    return [StageCost(name, _least_us(part, count)) for name, part in parts.items()]


def _packets(sent: bytes) -> list[PublishPacket]:
    view, packets, at = memoryview(sent), [], 0
    while at < len(view):
        packet, length = read(view[at:])
        packets.append(cast("PublishPacket", packet))
        at += length
    return packets


def _through_the_inbox(packets: Sequence[PublishPacket], topics: Topics) -> list[PublishPacket]:
    connection = cast("Connection", object())  # only told from others
    inbox = Inbox(topics, Counters(), max_deliveries=len(packets) + 1)
    taken: list[PublishPacket] = []
    for begin in range(0, len(packets), A_READ):
        inbox.put(connection, packets[begin : begin + A_READ])
        taken += inbox.take()
        inbox.on_taken()
    return taken


def _decoded(packet: PublishPacket, now: datetime) -> Delivery:
    delivery = Delivery(packet, sensor_key(packet.topic))
    key = check_message(delivery)
    if not isinstance(key, Rejection):
        decode(delivery)
        validate(delivery, key, now)
    return delivery


def _flagged(delivery: Delivery, thresholds: Thresholds, now: datetime) -> list[Measure]:
    batch = _batch([delivery], now)
    if delivery.key is not None:
        flag(delivery, delivery.key, thresholds, batch)
    return batch.measures


def _batch(deliveries: list[Delivery], now: datetime) -> Batch:
    return Batch(now, cast("Connection", object()), deliveries)


def _least_us(part: Callable[[], object], count: int) -> float:
    gc.collect()
    gc.disable()
    try:
        took_s = []
        for _ in range(TIMES):
            began_s = time.perf_counter()
            part()
            took_s.append(time.perf_counter() - began_s)
    finally:
        gc.enable()
    return min(took_s) * 1e6 / count


@dataclass(frozen=True, slots=True)
class Insertion:
    """How fast a database takes encoded documents that nobody has to make.

    Attributes:
        rate: Documents per second.
        cpu_us: CPU time of mongod per document, microseconds.
    """

    name: str
    rate: float
    cpu_us: float


def insertions(rig: BenchRig, count: int) -> list[Insertion]:
    """Write the same documents into a bare collection and into one as the ingestor makes it."""
    documents = _documents(count)
    bare = _insert(rig, "no index, no validator, not in the journal", documents, WriteConcern(w=1))
    journaled = _insert(rig, "no index, no validator, journaled", documents, DURABLE)
    rig.reset()
    measures = rig.database.create_collection("measures", validator=schema.conforming("measures"))
    measures.create_indexes(schema.INDEXES["measures"])
    ours = _insert(rig, "as the ingestor writes it", documents, DURABLE, fresh=False)
    rig.reset()
    return [bare, journaled, ours]


def _documents(count: int) -> list[RawBSONDocument]:
    now = utc_now()
    packets = _packets(b"".join(LoadPlan(count).packets()))
    measures = [each for packet in packets for each in _flagged(_decoded(packet, now), Thresholds(12.0), now)]
    return [RawBSONDocument(bson.encode(each)) for each in measures]


def _insert(
    rig: BenchRig, name: str, documents: list[RawBSONDocument], concern: WriteConcern, *, fresh: bool = True
) -> Insertion:
    if fresh:
        rig.reset()

    def write(begin: int) -> None:
        command: dict[str, Any] = {
            "insert": "measures",
            "documents": documents[begin : begin + BATCH_READINGS],
            "ordered": False,
            "writeConcern": concern.document,
        }
        rig.database.command(command)

    before_s, began_s = cpu_s(rig.mongod), time.monotonic()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(write, range(0, len(documents), BATCH_READINGS)))
    took_s = time.monotonic() - began_s
    return Insertion(name, len(documents) / took_s, (cpu_s(rig.mongod) - before_s) * 1e6 / len(documents))
