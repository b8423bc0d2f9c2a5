"""Named places at which a test build kills itself, or another process in its place.

Nothing of this is in the programs themselves: a crash point wraps what they have at a fault point, and the
build fails when nothing is there any longer.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from tests.fault_points import broker, ingestor, sensor_node
from tests.fault_points.point import Point

# What was sent leaves the process before it dies.
FLUSH_S = 0.05

_victim: Path | None = None

Method = Callable[..., Awaitable[Any]]
CrashPoint = Callable[[Callable[[], bool]], None]


def aim_at(victim: Path) -> None:
    """Have another process die in place of this one: the one whose pid is in the file then."""
    global _victim  # noqa: PLW0603 - one for the process
    _victim = victim


def die() -> None:
    """End as the kernel ends a process that takes too much memory: at once, without a word."""
    os.kill(int(_victim.read_text()) if _victim else os.getpid(), signal.SIGKILL)


def _before(point: Point) -> CrashPoint:
    """Dies where the method begins."""

    def install(is_due: Callable[[], bool]) -> None:
        method: Method = point.original

        def dying(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the method has
            if is_due():
                die()
            return method(*args, **options)

        point.replace(dying).start()

    return install


def _after(point: Point, *, flush_s: float = 0) -> CrashPoint:
    """Dies when the method is done, and what it sent has left."""

    def install(is_due: Callable[[], bool]) -> None:
        method: Method = point.original

        async def dying(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the method has
            result = await method(*args, **options)
            if is_due():
                if flush_s:
                    await asyncio.sleep(flush_s)  # what was sent leaves first
                die()
            return result

        point.replace(dying).start()

    return install


def _in_the_middle_of_pubacks(is_due: Callable[[], bool]) -> None:
    acknowledge = broker.ACKNOWLEDGE.original

    async def dying(connection: object, packet_ids: Sequence[int]) -> None:
        all_ids = list(packet_ids)
        if len(all_ids) > 1 and is_due():
            await acknowledge(connection, all_ids[: len(all_ids) // 2])
            await asyncio.sleep(FLUSH_S)  # what was sent leaves first
            die()
        await acknowledge(connection, all_ids)

    broker.ACKNOWLEDGE.replace(dying).start()


def _in_the_middle_of_confirmations(is_due: Callable[[], bool]) -> None:
    confirm = ingestor.CONFIRM_TO_SENSOR.original

    async def dying(service: object, messages: list[broker.Outgoing]) -> None:
        if len(messages) > 1 and "/stored/" in messages[0].topic and is_due():
            await confirm(service, messages[: len(messages) // 2])
            die()
        await confirm(service, messages)

    ingestor.CONFIRM_TO_SENSOR.replace(dying).start()


def _between_write_and_alert(is_due: Callable[[], bool]) -> None:
    publish = ingestor.PUBLISH_ALERTS.original

    def dying(announcer: object, measures: Sequence[object], *more: object) -> None:
        if measures and is_due():
            die()
        publish(announcer, measures, *more)

    ingestor.PUBLISH_ALERTS.replace(dying).start()


def _before_alarms_are_told(is_due: Callable[[], bool]) -> None:
    tell = ingestor.TELL_ALARMS.original

    async def dying(keep: ingestor.Keep) -> None:
        if ingestor.has_alarms_to_tell(keep) and is_due():
            die()
        await tell(keep)

    ingestor.TELL_ALARMS.replace(dying).start()


INGESTOR: dict[str, CrashPoint] = {
    "after-receive": _before(ingestor.STORE_BATCH),
    "after-write": _after(ingestor.STORE_BATCH),
    "between-write-and-alert": _between_write_and_alert,
    "before-puback": _before(ingestor.ACKNOWLEDGE_BATCH),
    "mid-puback": _in_the_middle_of_pubacks,
    "after-puback": _after(ingestor.ACKNOWLEDGE_BATCH, flush_s=FLUSH_S),
    "alerted-but-not-marked": _before(ingestor.MARK_ALERTED),
    "mid-confirmation": _in_the_middle_of_confirmations,
}

# On the way of an alarm, where no reading is at stake.
ALARMS: dict[str, CrashPoint] = {
    "before-alarms-are-written": _before(ingestor.WRITE_ALARMS),
    "alarms-written-but-not-told": _before_alarms_are_told,
}

SENSOR_NODE: dict[str, CrashPoint] = {
    "before-keeping": _before(sensor_node.OUTBOX_ADD),
    "kept-but-not-in-the-ledger": _after(sensor_node.OUTBOX_WRITE),
    "before-sending": _before(sensor_node.PUBLISH_READINGS),
    "after-sending": _after(sensor_node.PUBLISH_READINGS, flush_s=FLUSH_S),
    "confirmed-but-not-forgotten": _before(sensor_node.OUTBOX_DELETE),
}


def install(point: CrashPoint, when: str) -> None:
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
