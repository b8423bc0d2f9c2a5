"""The ingestor without one of its protections: python -m tests.security.ingestor_builds BUILD OPTIONS…"""

import asyncio
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from mqtt5 import PublishPacket
from pymongo import UpdateOne

from broker.messages import NodeStatus, numbered_sensor_ids
from broker.topics import SensorKey, Topics
from ingestor import __main__ as program
from tests.fault_points import broker, ingestor

# What ends a build, or makes it stand still for so many seconds.
POISON = b"poison"
STALL_S = 4.0


def no_limit() -> None:
    """Whoever sends gets everything stored."""

    def refill(allowance: ingestor.Allowance, key: str) -> float:
        return ingestor.fill(allowance, key, 1e12)

    ingestor.REFILL_ALLOWANCE.replace(refill).start()


def sets_nothing_aside() -> None:
    """Whatever comes is worked on in the order of its arrival."""
    ingestor.MAY_PASS_AT_ONCE.replace(lambda *_: True).start()


def sets_little_aside() -> None:
    """There is little room for what is set aside."""
    ingestor.MOST_SET_ASIDE_OF_A_TOPIC.replace(1 << 20).start()


def keeps_everything() -> None:
    """Each rejected payload is kept as it came."""

    def sort_out(_floods: object, rejections: Sequence[ingestor.Rejection], _now: datetime) -> object:
        return ingestor.keep_all(rejections)

    ingestor.SORT_OUT_FLOODS.replace(sort_out).start()


def no_record() -> None:
    """What is only counted is not written down."""

    sort = ingestor.SORT_OUT_FLOODS.original

    def without_counts(*args: object) -> object:
        return replace(sort(*args), counts=[])

    ingestor.SORT_OUT_FLOODS.replace(without_counts).start()


def confirms_floods() -> None:
    """A sensor is told that it may forget what was only counted."""
    confirm = ingestor.CONFIRM_BATCH.original

    def everything(receipts: ingestor.Receipts, each: ingestor.Batch, *more: object) -> None:
        confirm(receipts, each, *more)
        for rejection in each.rejections:
            sequence = json.loads(rejection.payload)["sequence"]
            ingestor.confirm_as_rejected(receipts, rejection.topic, sequence)

    ingestor.CONFIRM_BATCH.replace(everything).start()


def no_owner() -> None:
    """A sensor is of whatever site its topic says."""
    ingestor.OWNS_SENSOR.replace(lambda *_: True).start()
    ingestor.MAY_OWN_SENSOR.replace(lambda *_: True).start()


def first_come() -> None:
    """A sensor is of the site that came first, registered or not."""
    ingestor.SITE_OF_SENSOR.replace(ingestor.first_come).start()


def speaking_owns() -> None:
    """A site gets the sensors of which it says something."""
    ingestor.MAY_OWN_SENSOR.replace(ingestor.OWNS_SENSOR.original).start()


def speaks_for_all() -> None:
    """A node speaks for all sensors whose names follow its own."""
    ingestor.NODE_OF_SENSOR.replace(ingestor.node_named_first).start()


def sensors_speak_for_others() -> None:
    """A sensor with a user of its own is believed like a gateway, and may be spoken for."""
    ingestor.SPEAKS_FOR_OTHERS.replace(lambda *_: True).start()


def every_name() -> None:
    """Each status goes through the names of all its sensors."""
    take_in = ingestor.OPEN_STATUS.original

    def go_through(reader: object, delivery: ingestor.Delivery, batch: ingestor.Batch) -> None:
        take_in(reader, delivery, batch)
        numbered_sensor_ids("S-1", json.loads(delivery.packet.payload).get("sensors", 1))

    ingestor.OPEN_STATUS.replace(go_through).start()


def statuses_make_sensors() -> None:
    """Each sensor that a status names is written down."""
    note, take = ingestor.NOTE_STATUS.original, ingestor.TAKE_SENSOR_UPDATES.original
    named: list[str] = []

    def note_names(
        nodes: object, key: SensorKey, status: NodeStatus | None, *when: float, **how: bool
    ) -> None:
        note(nodes, key, status, *when, **how)
        named.extend(numbered_sensor_ids(key.name, (status and status.sensors) or 1))

    def with_names(updates: object, *limit: int | None) -> list[UpdateOne]:
        more = [UpdateOne({"sensor_id": each}, {"$set": {"status": "online"}}, upsert=True) for each in named]
        named.clear()
        return [*take(updates, *limit), *more]

    ingestor.NOTE_STATUS.replace(note_names).start()
    ingestor.TAKE_SENSOR_UPDATES.replace(with_names).start()


def any_id() -> None:
    """Ids are whatever stands in a topic."""
    broker.IS_VALID_PLACE.replace(property(lambda _: True)).start()
    ingestor.PLACE_OF_TOPIC.replace(Topics.sensor_key).start()


def any_retained() -> None:
    """A retained reading is one like any other."""
    check = ingestor.CHECK_MESSAGE.original

    def without_flag(delivery: ingestor.Delivery) -> object:
        packet = delivery.packet
        same = PublishPacket(packet.topic, packet.payload, qos=packet.qos, packet_id=packet.packet_id)
        return check(ingestor.Delivery(same, delivery.key))

    ingestor.CHECK_MESSAGE.replace(without_flag).start()


def id_by_chance() -> None:
    """Each arrival is a reading of its own."""
    numbers, make = count(), ingestor.DOCUMENT_OF_READING.original

    def another(*values: object) -> Any:  # noqa: ANN401 - as it was
        measure = make(*values)
        measure["_id"] = f"{next(numbers)}-{measure['_id']}"
        return measure

    ingestor.DOCUMENT_OF_READING.replace(another).start()


def unforeseen() -> None:
    """Something in a payload that nobody has thought of."""
    decode = ingestor.DECODE_PAYLOAD.original

    def fail(delivery: ingestor.Delivery) -> object:
        if delivery.packet.payload == b"unforeseen":
            raise RecursionError
        return decode(delivery)

    ingestor.DECODE_PAYLOAD.replace(fail).start()


def unforeseen_and_told() -> None:
    """The same, and each such payload is a line of the log."""
    unforeseen()
    broker.LIMIT_LOG.replace(lambda *_: True).start()


def old_clock() -> None:
    """An offset in place of milliseconds is taken for digits, and nothing catches what comes of it."""

    def read_moment(written: str) -> tuple[datetime, str]:
        return datetime.fromisoformat(written[:-1]), written

    def fall(_: object, delivery: ingestor.Delivery, batch: ingestor.Batch) -> None:
        ingestor.open_rejected(delivery, batch)

    ingestor.READ_MOMENT.replace(read_moment).start()
    ingestor.OPEN_READINGS.replace(fall).start()


def no_size() -> None:
    """A payload may be as large as the broker lets through."""
    ingestor.LARGEST_PAYLOAD.replace(1 << 30).start()
    ingestor.MOST_READINGS_OF_A_PAYLOAD.replace(1 << 30).start()


def few_files() -> None:
    """It may open as few files as on an ordinary machine."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))


def no_connection_limit() -> None:
    """The same, and whoever connects to its pages may stay."""
    few_files()
    broker.REQUEST_LIMIT_S.replace(1e9).start()
    # Each file that becomes free is taken at once.
    broker.ACCEPT_AGAIN_S.replace(0.01).start()
    broker.MAKE_ROOM.replace(lambda *_: True).start()


def keeps_properties() -> None:
    """What comes with a message is kept as long as the message."""
    ingestor.TRIM_MESSAGES.replace(lambda packets, _: packets).start()


def reads_everything() -> None:
    """What is no reading is read, however much of it comes."""
    ingestor.NOTE_REJECTED_BYTES.replace(lambda *_: None).start()


def whole_topics() -> None:
    """Topics are as long as they came."""
    ingestor.TRUNCATE_TOPIC.replace(lambda topic: topic).start()


def one_page() -> None:
    """All readings of a sensor are read at once when its rules are evaluated again."""
    ingestor.READINGS_OF_A_PAGE.replace(1 << 30).start()


def commands_in_line() -> None:
    """Commands are not limited, and readings wait until those before them are executed."""
    bring_home = ingestor.BRING_HOME.original

    async def commit(pipeline: ingestor.Pipeline, batch: ingestor.Batch, *write: object) -> None:
        await ingestor.execute_in_line(pipeline, batch)
        await bring_home(pipeline, batch, *write)

    ingestor.LIMIT_COMMANDS.replace(lambda *_: None).start()
    ingestor.QUEUE_COMMANDS.replace(lambda *_: None).start()
    ingestor.BRING_HOME.replace(commit).start()


def deadly() -> None:
    """A payload that the kernel ends the process for."""
    decode = ingestor.DECODE_PAYLOAD.original

    def die(delivery: ingestor.Delivery) -> object:
        if delivery.packet.payload == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return decode(delivery)

    ingestor.DECODE_PAYLOAD.replace(die).start()


def deadly_aside() -> None:
    """The same, and everything is set aside at first."""
    deadly()
    ingestor.MAY_PASS_AT_ONCE.replace(lambda *_: False).start()


def deadly_for_ever() -> None:
    """The same, and nobody remembers it."""
    deadly()

    async def forget(_: object) -> None:
        return

    ingestor.TAKE_UP_LAST_END.replace(forget).start()


def stalling() -> None:
    """A payload that takes so long that the broker ends the connection, in little."""
    open_readings = ingestor.OPEN_READINGS.original

    def stall(reader: object, delivery: ingestor.Delivery, batch: ingestor.Batch) -> None:
        if delivery.packet.payload == POISON:
            until_s = time.thread_time() + STALL_S
            while time.thread_time() < until_s:
                pass
            if batch.connection is not None:
                batch.connection.abort()
        open_readings(reader, delivery, batch)

    ingestor.STALLED_AFTER_S.replace(STALL_S / 2 - 1).start()
    ingestor.OPEN_READINGS.replace(stall).start()


def stalling_for_ever() -> None:
    """The same, and nobody notices it."""
    stalling()

    async def nothing(_: object) -> None:
        await asyncio.Event().wait()

    ingestor.WATCH_STALLS.replace(nothing).start()


BUILDS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        no_limit,
        sets_nothing_aside,
        sets_little_aside,
        keeps_everything,
        no_record,
        confirms_floods,
        no_owner,
        speaking_owns,
        speaks_for_all,
        first_come,
        sensors_speak_for_others,
        every_name,
        statuses_make_sensors,
        any_id,
        any_retained,
        id_by_chance,
        unforeseen,
        unforeseen_and_told,
        old_clock,
        no_size,
        few_files,
        no_connection_limit,
        keeps_properties,
        whole_topics,
        reads_everything,
        one_page,
        commands_in_line,
        deadly,
        deadly_aside,
        deadly_for_ever,
        stalling,
        stalling_for_ever,
    )
}

if __name__ == "__main__":
    BUILDS[sys.argv.pop(1)]()
    program.main()
