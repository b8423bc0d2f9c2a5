"""Named places at which a test build kills itself, or another process in its place.

Nothing of this is in the programs themselves: a point wraps a method of theirs, and ``mock.patch``
fails the build when that method is no longer there.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from broker.connection import Connection, Outgoing
from ingestor import pipeline
from ingestor.alarms.keep import Keep
from ingestor.alarms.records import AlarmRecords
from ingestor.announce import Announcer
from ingestor.service import Ingestor
from ingestor.store import Store
from sensor_node.durable import DurableOutbox
from sensor_node.outbox import Outbox
from sensor_node.publish import Publisher

# What was sent leaves the process before it dies.
FLUSH_S = 0.05

_victim: Path | None = None

Method = Callable[..., Awaitable[Any]]
Point = Callable[[Callable[[], bool]], None]


def aim_at(victim: Path) -> None:
    """Have another process die in place of this one: the one whose pid is in the file then."""
    global _victim  # noqa: PLW0603 - one for the process
    _victim = victim


def die() -> None:
    """End as the kernel ends a process that takes too much memory: at once, without a word."""
    os.kill(int(_victim.read_text()) if _victim else os.getpid(), signal.SIGKILL)


def _before(owner: object, name: str) -> Point:
    """Dies where the method begins."""

    def install(is_due: Callable[[], bool]) -> None:
        method: Method = getattr(owner, name)

        def dying(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the method has
            if is_due():
                die()
            return method(*args, **options)

        patch.object(owner, name, dying).start()

    return install


def _after(owner: object, name: str, *, flush_s: float = 0) -> Point:
    """Dies when the method is done, and what it sent has left."""

    def install(is_due: Callable[[], bool]) -> None:
        method: Method = getattr(owner, name)

        async def dying(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the method has
            result = await method(*args, **options)
            if is_due():
                if flush_s:
                    await asyncio.sleep(flush_s)
                die()
            return result

        patch.object(owner, name, dying).start()

    return install


def _in_the_middle_of_pubacks(is_due: Callable[[], bool]) -> None:
    acknowledge = Connection.puback_many

    async def dying(self: Connection, packet_ids: Sequence[int]) -> None:
        all_ids = list(packet_ids)
        if len(all_ids) > 1 and is_due():
            await acknowledge(self, all_ids[: len(all_ids) // 2])
            await asyncio.sleep(FLUSH_S)
            die()
        await acknowledge(self, all_ids)

    patch.object(Connection, "puback_many", dying).start()


def _in_the_middle_of_confirmations(is_due: Callable[[], bool]) -> None:
    send = Ingestor._send  # noqa: SLF001 - the point is inside of it

    async def dying(self: Ingestor, messages: list[Outgoing]) -> None:
        if len(messages) > 1 and "/stored/" in messages[0].topic and is_due():
            await send(self, messages[: len(messages) // 2])
            die()
        await send(self, messages)

    patch.object(Ingestor, "_send", dying).start()


def _between_write_and_alert(is_due: Callable[[], bool]) -> None:
    alerts = Announcer.alerts

    def dying(self: Announcer, measures: Sequence[Any], received_at: Any) -> None:  # noqa: ANN401
        if measures and is_due():
            die()
        alerts(self, measures, received_at)

    patch.object(Announcer, "alerts", dying).start()


def _before_alarms_are_told(is_due: Callable[[], bool]) -> None:
    tell = Keep.tell

    async def dying(self: Keep) -> None:
        if self._to_tell and is_due():
            die()
        await tell(self)

    patch.object(Keep, "tell", dying).start()


INGESTOR: dict[str, Point] = {
    "after-receive": _before(Store, "insert"),
    "after-write": _after(Store, "insert"),
    "between-write-and-alert": _between_write_and_alert,
    "before-puback": _before(pipeline, "_acknowledge"),
    "mid-puback": _in_the_middle_of_pubacks,
    "after-puback": _after(pipeline, "_acknowledge", flush_s=FLUSH_S),
    "alerted-but-not-marked": _before(Announcer, "_mark"),
    "mid-confirmation": _in_the_middle_of_confirmations,
}

# On the way of an alarm, where no reading is at stake.
ALARMS: dict[str, Point] = {
    "before-alarms-are-written": _before(AlarmRecords, "write"),
    "alarms-written-but-not-told": _before_alarms_are_told,
}

SENSOR_NODE: dict[str, Point] = {
    "before-keeping": _before(Outbox, "add"),
    "kept-but-not-in-the-ledger": _after(DurableOutbox, "_write"),
    "before-sending": _before(Publisher, "_publish"),
    "after-sending": _after(Publisher, "_publish", flush_s=FLUSH_S),
    "confirmed-but-not-forgotten": _before(DurableOutbox, "_delete"),
}


def install(point: Point, when: str) -> None:
    """Arm one crash point.

    Args:
        point: Where.
        when: At which passage it dies there, counted from 1; or ``@FILE``: at the first passage at
            which that file exists.
    """
    if when.startswith("@"):
        point(Path(when[1:]).exists)
        return
    passages = iter(range(1, int(when) + 1))

    def is_due() -> bool:
        return next(passages, 0) == int(when)

    point(is_due)
