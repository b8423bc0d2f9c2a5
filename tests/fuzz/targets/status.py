"""What nodes say of themselves: the first line of an input is site and node of the topic.

It goes the way of a delivery, from the inbox to what is written of each sensor. Held against a second reader.
"""

import json
import math
import re
from typing import TYPE_CHECKING, Any, cast

from mqtt5 import PublishPacket, QoS
from pydantic_core import from_json
from pymongo import UpdateMany, UpdateOne

from broker.topics import Topics
from ingestor.batch_reader import BatchReader
from ingestor.counters import Counters
from ingestor.delivery import Batch
from ingestor.flag import Thresholds
from ingestor.receive.authorization import Authorization
from ingestor.receive.inbox import Inbox
from ingestor.receive.token_bucket import TokenBuckets
from ingestor.store.sensor_updates import SensorUpdates
from tests.deliveries import deferral
from tests.fuzz.oracles import assert_is_kept, assert_is_sentence

if TYPE_CHECKING:
    from broker.connection import Connection

MOST_SENSORS = 100_000
is_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_ON = (
    b'{"state":"online","sensors":3,"since":"2026-11-23T10:00:00.000Z","updated":"2026-11-23T10:00:30.000Z",'
    b'"outbox_depth":3,"oldest_age_s":4.2,"refused":0}'
)
SEEDS = (
    b"lari/Node-1\n",
    b"lari/Node\xe2\x80\xae1\n" + _ON,
    b"la ri/Node-1\n" + _ON,
    b"lari/$SYS\n" + _ON,
    b"lari/" + b"N" * 63 + b"\n" + _ON,
    b"lari/" + b"N" * 62 + b"99\n" + _ON,
    *(
        b"lari/Node-1\n" + payload
        for payload in (
            _ON,
            b'{"state":"offline"}',
            b'{"state":"online"}',
            b'{"state":"on\\u0000line"}',
            b'{"state":"offline","state":"online"}',
            _ON.replace(b":3,", b":100000,", 1),
            _ON.replace(b":3,", b":100001,", 1),
            _ON.replace(b":3,", b":0,", 1),
            _ON.replace(b":3,", b":true,", 1),
            _ON.replace(b":3,", b":" + b"9" * 4300 + b","),
            _ON.replace(b"4.2", b"NaN"),
            _ON.replace(b"4.2", b"1e999"),
            _ON.replace(b'"refused":0', b'"refused":-1'),
            _ON.replace(b"2026-11-23T10:00:00.000Z", b"0001-01-01T00:00:00+14:00"),
            _ON.replace(b"2026-11-23T10:00:00.000Z", b"now"),
            b"[" * 60_000,
            b'{"state":' * 300,
            b"\xff",
            b"null",
        )
    ),
)
TOKENS = tuple(
    b'{"state":"online"} {"state":"offline"} "sensors": "since": "updated": "outbox_depth": "oldest_age_s":'
    b' "refused": 100000 1e999 NaN null true 2026-11-23T10:00:00.000Z'.split()
)


def check(data: bytes) -> None:
    head, _, payload = data.partition(b"\n")
    site, _, name = re.sub(r"[+#\0]", "", head.decode(errors="replace")).partition("/")
    name = name.replace("/", "")
    topics, books, sensors = Topics(), Counters(), SensorUpdates()
    inbox = Inbox(topics, books)
    # Only which one it is matters there.
    connection = cast("Connection", object())
    packet = PublishPacket(topics.status(site, name), payload, qos=QoS.AT_LEAST_ONCE, packet_id=7)
    inbox.put(connection, [packet])
    authorization = Authorization(TokenBuckets(20.0, 1_000))
    reader = BatchReader(inbox, topics, Thresholds(12.0), books, authorization, deferral(books))
    batch = reader.next_batch()
    assert batch is not None
    assert [each.packet.packet_id for each in batch.deliveries] == [7]
    assert len(batch.statuses) + len(batch.rejections) == 1, "it is taken once or rejected once"
    for key, status in batch.statuses.items():
        sensors.nodes.on_status(key, status, 0.0, is_sensor=True)
    updates = sensors.take()
    if payload:
        _check_answer(batch, payload, site, name)
    assert bool(updates) == bool(payload and batch.statuses), "it is written if it is taken"
    for update in updates:
        _check_update(update, site)


def _check_answer(batch: Batch, payload: bytes, site: str, name: str) -> None:
    judged = judge(payload) if is_id(site) and is_id(name) else False
    if batch.rejections:
        (rejected,) = batch.rejections
        assert judged is not True, f"a good status is rejected: {rejected.reason}"
        assert_is_sentence(rejected.reason)
        assert rejected.payload == payload
        assert rejected.kind in {"status", "topic"}
        return
    ((place, status),) = batch.statuses.items()
    assert judged is not False, "a bad status is taken"
    assert place == (site, name)
    assert status is not None
    said = json.loads(payload)
    assert status.state == said["state"]
    assert (status.sensors, status.outbox_depth, status.refused) == tuple(
        said.get(field) for field in ("sensors", "outbox_depth", "refused")
    )


def judge(payload: bytes) -> bool | None:
    """Whether a status is one; None if that is up to how its times are written."""
    try:
        from_json(payload)
        said = json.loads(payload)
    except ValueError:
        return False
    if not isinstance(said, dict) or said.get("state") not in ("online", "offline"):
        return False
    counts = (("sensors", 1, MOST_SENSORS), ("outbox_depth", 0, math.inf), ("refused", 0, math.inf))
    if not all(_is_count(said.get(field), least, most) for field, least, most in counts):
        return False
    age: Any = said.get("oldest_age_s")
    if isinstance(age, bool) or not isinstance(age, int | float | None):
        return False
    # How large or how old is nobody's business but the node's.
    return None if {"since", "updated"} & said.keys() or age is not None else True


def _is_count(value: object, least: int, most: float) -> bool:
    return value is None or (type(value) is int and least <= value <= most)


def _check_update(update: UpdateOne | UpdateMany, site: str) -> None:
    wanted, change = update._filter, update._doc  # noqa: SLF001 - what goes to the database
    assert_is_kept({"wanted": wanted, "change": change})
    assert wanted["site"] == site
    names = wanted["sensor_id"]["$in"]
    assert all(map(is_id, names)), f"it would write of a sensor {names[0]!a}"
    assert is_id(site)
