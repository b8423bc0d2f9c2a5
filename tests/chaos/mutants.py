"""Builds with a fault in: each breaks one promise, and a test shows that it is found."""

import contextlib
import resource
import secrets
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mqtt5 import PublishPacket, QoS
from pymongo import WriteConcern

from tests.fault_points import broker, ingestor, sensor_node

FOR_EVER = 1e9
SMALL_DISK_BYTES = 100_000


def no_journal() -> None:
    """A write counts as done when it is in mongod's memory."""
    ingestor.WRITE_CONCERN.replace(WriteConcern(w=1, j=False)).start()


def puback_before_write() -> None:
    """The broker forgets a reading before the database has it."""
    acknowledge, open_batch = ingestor.ACKNOWLEDGE_BATCH.original, ingestor.OPEN_BATCH.original

    def early(*how: object, **more: object) -> Any:  # noqa: ANN401 - whatever it opens
        batch = open_batch(*how, **more)
        if batch is not None:
            with contextlib.suppress(StopIteration):
                # As far as its first wait, when all is written; the batch is stored only after this.
                acknowledge(batch).send(None)
        return batch

    async def nothing(_: object) -> None:
        return

    ingestor.ACKNOWLEDGE_BATCH.replace(nothing).start()
    ingestor.OPEN_BATCH.replace(early).start()


def confirm_before_write() -> None:
    """The sensor forgets a reading before the database has it."""
    bring_home = ingestor.BRING_HOME.original

    async def early(pipeline: ingestor.Pipeline, batch: ingestor.Batch, *write: object) -> None:
        ingestor.confirm_all(pipeline, batch)
        await bring_home(pipeline, batch, *write)

    ingestor.BRING_HOME.replace(early).start()


def acks_across_connections() -> None:
    """What came on a lost connection is acknowledged on the next one, where its packet id is another's."""
    newest: list[weakref.ref[broker.Connection]] = []
    connect, acknowledge = broker.CONNECT.original, broker.ACKNOWLEDGE.original

    async def connecting(connection: broker.Connection) -> Any:  # noqa: ANN401 - as it was
        newest[:] = [weakref.ref(connection)]
        return await connect(connection)

    async def anywhere(connection: broker.Connection, packet_ids: Iterable[int]) -> None:
        current = newest[0]() if newest else None
        await acknowledge(current if connection.is_lost and current is not None else connection, packet_ids)

    broker.CONNECT.replace(connecting).start()
    broker.ACKNOWLEDGE.replace(anywhere).start()


def no_key() -> None:
    """A reading that comes again is stored again."""
    make = ingestor.DOCUMENT_OF_READING.original

    def fresh(*args: object, **options: object) -> Any:  # noqa: ANN401 - as it was
        measure = make(*args, **options)
        measure["_id"] += f"#{secrets.token_hex(8)}"
        return measure

    ingestor.DOCUMENT_OF_READING.replace(fresh).start()


def no_sweep() -> None:
    """Alerts that a dead process left behind are never published."""

    async def nothing(announcer: ingestor.Announcer, *_: object) -> None:
        ingestor.note_swept(announcer)

    ingestor.SWEEP_ALERTS.replace(nothing).start()


def alarms_not_told_again() -> None:
    """Alarms that a dead process wrote down, and perhaps did not tell, are not told at the next start."""
    ingestor.TELL_ALARMS_AGAIN.replace(lambda *_: None).start()


def alarms_not_judged_again() -> None:
    """What was stored when a process died, and not judged, is never judged."""

    async def nothing(*_: object) -> list[object]:
        return []

    ingestor.READINGS_UNJUDGED.replace(nothing).start()


def no_bound() -> None:
    """The queue takes whatever the broker sends."""
    for point in ingestor.SLOW_DOWN_AT:
        point.replace(FOR_EVER).start()
    bounds = ingestor.INBOX_BOUNDS
    bounds.replace(dict.fromkeys(bounds.original, FOR_EVER)).start()


def no_outbox() -> None:
    """A device that forgets a reading as soon as the broker has acknowledged it (QoS 1)."""
    publish = sensor_node.PUBLISH_READINGS.original

    async def forgetting(
        publisher: sensor_node.Publisher, connection: broker.Connection, readings: Sequence[sensor_node.Kept]
    ) -> None:
        await publish(publisher, connection, readings)
        await sensor_node.forget(publisher, readings)

    sensor_node.PUBLISH_READINGS.replace(forgetting).start()


def at_most_once() -> None:
    """A device that sends a reading once, at QoS 0, and forgets it."""

    async def shout(
        publisher: sensor_node.Publisher, connection: broker.Connection, readings: Sequence[sensor_node.Kept]
    ) -> None:
        topics = [sensor_node.topic_of(publisher, each) for each in readings]
        packets = [
            PublishPacket(topic, each.payload, qos=QoS.AT_MOST_ONCE).write()
            for topic, each in zip(topics, readings, strict=True)
        ]
        await broker.write_packets(connection, packets)
        await sensor_node.forget(publisher, readings)

    sensor_node.PUBLISH_READINGS.replace(shout).start()


def no_second_try() -> None:
    """A node that sends each reading once, whatever became of the connection."""
    sensor_node.SEND_AGAIN.replace(lambda _: None).start()
    sensor_node.SEND_AGAIN_AFTER_S.replace(FOR_EVER).start()


def hasty() -> None:
    """A node that may send a reading again after a second."""
    sensor_node.SEND_AGAIN_AFTER_S.replace(1.0).start()


def by_the_clock() -> None:
    """A node that sends a reading again after a second, whatever the ingestor still has in hand."""
    hasty()
    sensor_node.TAKE_MISSING.replace(sensor_node.take_old).start()


def small_disk() -> None:
    """A node none of whose files can be larger than 100 kB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_DISK_BYTES, resource.RLIM_INFINITY))


def ends_without_room() -> None:
    """The same, and it ends when its outbox cannot take more."""
    small_disk()
    sensor_node.ERRORS_WITHOUT_ROOM.replace(frozenset()).start()


INGESTOR: dict[str, Callable[[], None]] = {
    "no-journal": no_journal,
    "puback-before-write": puback_before_write,
    "confirm-before-write": confirm_before_write,
    "acks-across-connections": acks_across_connections,
    "no-key": no_key,
    "no-sweep": no_sweep,
    "alarms-not-told-again": alarms_not_told_again,
    "alarms-not-judged-again": alarms_not_judged_again,
    "no-bound": no_bound,
}

SENSOR_NODE: dict[str, Callable[[], None]] = {
    "no-outbox": no_outbox,
    "at-most-once": at_most_once,
    "no-second-try": no_second_try,
}

# Nodes of other tests: under other conditions, or without what helps there.
CONDITIONS: dict[str, Callable[[], None]] = {
    "hasty": hasty,
    "by-the-clock": by_the_clock,
    "small-disk": small_disk,
    "ends-without-room": ends_without_room,
}
