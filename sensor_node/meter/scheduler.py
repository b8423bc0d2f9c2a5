"""When meters are read: live in turn, in simulated time all at once, or at recorded times."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple

import numpy as np

from sensor_node.plan import PlanTimeline
from sensor_node.recordings.series import RecordedSeries

MAX_METERS = 1000
# Many meters are read a few at a time: to wake up for each would cost more than to read it.
TICK_S = 0.005
POLL_S = 0.02


class Readout(NamedTuple):
    """Meters, by number, that are read at the same time."""

    moment: datetime
    meters: Sequence[int]


class ReadingScheduler:
    """The clock of a simulation; it waits while ``has_room`` says that no more readings can be taken."""

    def __init__(self, timeline: PlanTimeline, stop: asyncio.Event, has_room: Callable[[], bool]) -> None:
        self._timeline = timeline
        self._stop = stop
        self._has_room = has_room
        self._began_s = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the run is over."""
        over_s = self._timeline.duration.total_seconds() if self._timeline.duration else float("inf")
        return self._stop.is_set() or time.monotonic() - self._began_s >= over_s

    async def wait_until(self, moment: datetime) -> bool:
        """Wait for a simulated time, which is never ahead of real time; False if the run ends before."""
        if self._timeline.end is not None and moment > self._timeline.end:
            return False
        await asyncio.sleep(0)
        while not self.is_over:
            wait_s = max(self._ahead_s(moment), 0.0 if self._has_room() else POLL_S)
            if wait_s <= 0:
                return True
            await self.sleep(min(wait_s, 1.0))
        return False

    def _ahead_s(self, moment: datetime) -> float:
        wall_s = (moment - datetime.now(UTC)).total_seconds()
        if self._timeline.begin is None:
            return wall_s
        simulated_s = (moment - self._timeline.begin).total_seconds()
        return max(wall_s, self._began_s + simulated_s / self._timeline.speed - time.monotonic())

    async def sleep(self, seconds: float) -> None:
        """Wait, but not after ``stop``; other tasks run in any case."""
        await asyncio.sleep(0)
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stop.wait()


async def staggered(meters: int, interval: timedelta, scheduler: ReadingScheduler) -> AsyncIterator[Readout]:
    """Read meters live, one after the other, evenly over the interval."""
    interval_s = interval.total_seconds()
    step_s, tick_s = interval_s / meters, min(TICK_S, interval_s / 4)
    began, turn = time.monotonic(), 0
    while not scheduler.is_over:
        due = int((time.monotonic() - began) / step_s) + 1 - turn
        if due > meters:
            # The process slept, or cannot keep up: a meter that was not read has no reading.
            missed = due // meters * meters
            turn, due = turn + missed, due - missed
        due = min(due, MAX_METERS)
        yield Readout(datetime.now(UTC), [number % meters for number in range(turn, turn + due)])
        turn += due
        wait_s = began + turn * step_s - time.monotonic()
        await scheduler.sleep(max(wait_s, tick_s) if wait_s > 0 else 0)


async def simultaneous(
    meters: int, interval: timedelta, begin: datetime, scheduler: ReadingScheduler
) -> AsyncIterator[Readout]:
    """Read all meters at the end of each interval of simulated time."""
    everyone = range(meters)
    for number in count(1):
        moment = begin + number * interval
        for first in range(0, meters, MAX_METERS):
            if not await scheduler.wait_until(moment):
                return
            yield Readout(moment, everyone[first : first + MAX_METERS])


async def as_recorded(
    recordings: Sequence[RecordedSeries], scheduler: ReadingScheduler
) -> AsyncIterator[Readout]:
    """Read meters at their recorded times."""
    at_ms = np.concatenate([series.at_ms for series in recordings])
    meters = np.repeat(np.arange(len(recordings)), [len(series.at_ms) for series in recordings])
    order = np.argsort(at_ms, kind="stable")
    moments, edges = np.unique(at_ms[order], return_index=True)
    sensors = np.split(meters[order], edges[1:])
    for moment_ms, numbers in zip(moments.tolist(), sensors, strict=True):
        moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
        if not await scheduler.wait_until(moment):
            return
        yield Readout(moment, numbers.tolist())
