"""Builds with a fault in: each breaks one promise, and a test shows that it is found."""

import contextlib
import secrets
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from unittest.mock import patch

from mqtt5 import PublishPacket, QoS
from pymongo import WriteConcern

from broker.connection import Connection
from broker.messages import to_ranges
from ingestor import batch as batches
from ingestor import pipeline, receive, store
from ingestor.alarms.board import Board
from ingestor.alarms.history import ReadingHistory, Unjudged
from ingestor.announce import Announcer
from ingestor.batch import Batch, Opener
from ingestor.documents import Measure, to_measure
from ingestor.floods import SortedOut
from ingestor.pipeline import Pipeline, Write
from sensor_node import outbox as outboxes
from sensor_node.outbox import Kept, Outbox
from sensor_node.publish import Publisher

FOR_EVER = 1e9


def no_journal() -> None:
    """A write counts as done when it is in mongod's memory."""
    patch.object(store, "DURABLE", WriteConcern(w=1, j=False)).start()


def puback_before_write() -> None:
    """The broker forgets a reading before the database has it."""
    acknowledge, next_batch = pipeline._acknowledge, Opener.next_batch  # noqa: SLF001

    def early(self: Opener) -> Batch | None:
        batch = next_batch(self)
        if batch is not None:
            with contextlib.suppress(StopIteration):
                # As far as its first wait, when all is written; the batch is stored only after this.
                acknowledge(batch).send(None)
        return batch

    async def nothing(_: Batch) -> None:
        return

    patch.object(pipeline, "_acknowledge", nothing).start()
    patch.object(Opener, "next_batch", early).start()


def confirm_before_write() -> None:
    """The sensor forgets a reading before the database has it."""
    settle = Pipeline.settle

    async def early(self: Pipeline, batch: Batch, write: Write) -> None:
        self._confirm(batch, {}, SortedOut())
        await settle(self, batch, write)

    patch.object(Pipeline, "settle", early).start()


def acks_across_connections() -> None:
    """What came on a lost connection is acknowledged on the next one, where its packet id is another's."""
    newest: list[weakref.ref[Connection]] = []
    enter, acknowledge = Connection.__aenter__, Connection.puback_many

    async def entering(self: Connection) -> Connection:
        newest[:] = [weakref.ref(self)]
        return await enter(self)

    async def anywhere(self: Connection, packet_ids: Iterable[int]) -> None:
        current = newest[0]() if newest else None
        await acknowledge(current if self.is_lost and current is not None else self, packet_ids)

    patch.object(Connection, "__aenter__", entering).start()
    patch.object(Connection, "puback_many", anywhere).start()


def no_key() -> None:
    """A reading that comes again is stored again."""

    def fresh(*args: Any, **options: Any) -> Measure:  # noqa: ANN401 - as to_measure has them
        measure = to_measure(*args, **options)
        measure["_id"] += f"#{secrets.token_hex(8)}"
        return measure

    patch.object(batches, "to_measure", fresh).start()


def no_sweep() -> None:
    """Alerts that a dead process left behind are never published."""

    async def nothing(self: Announcer, _: Connection) -> None:
        self._swept = True

    patch.object(Announcer, "_sweep", nothing).start()


def alarms_not_told_again() -> None:
    """Alarms that a dead process wrote down, and perhaps did not tell, are not told at the next start."""
    patch.object(Board, "tell_again", lambda *_: None).start()


def alarms_not_judged_again() -> None:
    """What was stored when a process died, and not judged, is never judged."""

    async def nothing(*_: object) -> list[Unjudged]:
        return []

    patch.object(ReadingHistory, "unjudged", nothing).start()


def no_bound() -> None:
    """The queue takes whatever the broker sends."""
    for bound in ("ROOM", "ROOM_BYTES"):
        patch.object(receive, bound, FOR_EVER).start()
    patch.dict(
        receive.Inbox.__init__.__kwdefaults__, {"max_deliveries": FOR_EVER, "max_bytes": FOR_EVER}
    ).start()


async def _forget(outbox: Outbox, readings: Sequence[Kept]) -> None:
    sequences = defaultdict(list)
    for reading in readings:
        sequences[reading.place].append(reading.sequence)
    for place, sent in sequences.items():
        await outbox.forget(place, to_ranges(sent), 0.0, stored=True)


def no_outbox() -> None:
    """A device that forgets a reading as soon as the broker has acknowledged it (QoS 1)."""
    publish = Publisher._publish  # noqa: SLF001

    async def forgetting(self: Publisher, connection: Connection, readings: Sequence[Kept]) -> None:
        await publish(self, connection, readings)
        await _forget(self._outbox, readings)

    patch.object(Publisher, "_publish", forgetting).start()


def at_most_once() -> None:
    """A device that sends a reading once, at QoS 0, and forgets it."""

    async def shout(self: Publisher, connection: Connection, readings: Sequence[Kept]) -> None:
        packets = [
            PublishPacket(self._topics.readings(*each.place), each.payload, qos=QoS.AT_MOST_ONCE).write()
            for each in readings
        ]
        await connection._write(packets)  # noqa: SLF001
        await _forget(self._outbox, readings)

    patch.object(Publisher, "_publish", shout).start()


def no_second_try() -> None:
    """A node that sends each reading once, whatever became of the connection."""
    patch.object(Outbox, "send_again", lambda _: None).start()
    patch.object(outboxes, "RESEND_AFTER_S", FOR_EVER).start()


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
