"""What is shown all the time, looked up once for everybody who looks, and not once per page."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from broker.process import every
from ingestor.documents import AlarmDocument, utc_now
from monitor.alarms import Shelved, worst_first
from monitor.fleet import Fleet
from monitor.queries.database import Database, QueryError, Span
from monitor.queries.energy import Energy, Total
from monitor.queries.episodes import Episodes

LATE_AFTER = timedelta(seconds=3)
LATE = "MongoDB does not answer"
# Both together are less than a second: looking up what was stored, and showing it on a page.
LOOK_EVERY_S, SHOW_EVERY_S = 0.2, 0.7
SENSORS_EVERY_S = 3.0
ENERGY_EVERY_S = 10.0


class Live:
    """The sensors, the alarms that stand and the energy of today.

    Args:
        database: Where everything is.
        zone: Whose midnight begins the day.

    Attributes:
        fleet: The sensors.
        standing: The alarms that stand, the worst first.
        shelved: What is shelved.
        today: The energy since midnight; None as long as there is none.
        version: Counts up whenever alarms have changed.
    """

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self.fleet = Fleet(database)
        self.standing: list[AlarmDocument] = []
        self.shelved: Shelved = {}
        self.today: Total | None = None
        self.version = 0
        self._zone = zone
        self._episodes = Episodes(database)
        self._energy = Energy(database)
        self._error: str | None = None

    @property
    def error(self) -> str | None:
        """Why what is shown is old, as a sentence's body; None if it is not."""
        is_late = self.fresh_at is not None and utc_now() - self.fresh_at > LATE_AFTER
        return self.fleet.error or self._error or (LATE if is_late else None)

    @property
    def fresh_at(self) -> datetime | None:
        """When the database last answered, UTC, naive."""
        return self.fleet.fresh_at

    def midnight(self) -> datetime:
        """When today began, UTC, naive."""
        local = datetime.now(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return local.astimezone(UTC).replace(tzinfo=None)

    async def follow(self) -> None:
        """Look, again and again, for ever."""
        await self.fleet.follow()
        await asyncio.gather(self.fleet.refresh_sensors(), self._look_for_alarms(), self._sum_up())
        async with asyncio.TaskGroup() as group:
            for period_s, action in (
                (LOOK_EVERY_S, self.fleet.follow),
                (SENSORS_EVERY_S, self.fleet.refresh_sensors),
                (LOOK_EVERY_S, self._look_for_alarms),
                (ENERGY_EVERY_S, self._sum_up),
            ):
                group.create_task(every(period_s, _step(action)), name=f"live.{action.__name__}")

    async def _look_for_alarms(self) -> None:
        try:
            standing = worst_first(await self._episodes.standing(()))
            shelved = await self._episodes.shelved()
        except QueryError as error:
            self._error = str(error)
            return
        self._error = None
        if (standing, shelved) != (self.standing, self.shelved):
            self.standing, self.shelved = standing, shelved
            self.version += 1

    async def _sum_up(self) -> None:
        span = Span(self.midnight(), utc_now() + timedelta(hours=1))
        try:
            self.today = next(iter(await self._energy.totals(span, None)), None)
        except QueryError as error:
            self._error = str(error)


def _step(action: Callable[[], Coroutine[Any, Any, object]]) -> Callable[[], Coroutine[Any, Any, None]]:
    async def step() -> None:
        await action()

    return step
