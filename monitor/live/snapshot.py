"""What is shown all the time, looked up once for everybody who looks, and not once per page."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from broker.program.process import repeat_every
from ingestor.documents import AlarmDocument, utc_now
from monitor.cli.alarms import ShelvedRules, worst_first
from monitor.live.sensor_cache import MALFORMED_ERRORS, SensorCache
from monitor.queries.alarms import AlarmQueries
from monitor.queries.database import QueryDatabase, QueryError, TimeRange
from monitor.queries.energy import EnergyQueries, EnergyTotal, Grouping

logger = logging.getLogger(__name__)
LATE_AFTER = timedelta(seconds=3)
LATE = "MongoDB does not answer"
# Both together are less than a second: looking up what was stored, and showing it on a page.
POLL_EVERY_S, REFRESH_EVERY_S = 0.2, 0.7
SENSORS_EVERY_S = 3.0
ENERGY_EVERY_S = 10.0


class LiveSnapshot:
    """The sensors, the active alarms, the worst first, and the energy since midnight, if there is any.

    Attributes:
        version: Counts up whenever alarms have changed.
        has_loaded: Set once everything was looked for, whether the database answered or not.
    """

    def __init__(self, database: QueryDatabase, zone: ZoneInfo) -> None:
        self.sensor_cache = SensorCache(database)
        self.active_alarms: list[AlarmDocument] = []
        self.shelved: ShelvedRules = {}
        self.today: EnergyTotal | None = None
        self.version = 0
        self.has_loaded = asyncio.Event()
        self._zone = zone
        self._alarms = AlarmQueries(database)
        self._energy = EnergyQueries(database)
        self._error: str | None = None
        self._unreadable: set[str] = set()

    @property
    def error(self) -> str | None:
        """Why what is shown is old, as a sentence's body; None if it is not."""
        is_late = self.fresh_at is not None and utc_now() - self.fresh_at > LATE_AFTER
        malformed = f"MongoDB holds {', '.join(sorted(self._unreadable))} that cannot be read"
        known = self.sensor_cache.error or self._error or (LATE if is_late else None)
        return known or (malformed if self._unreadable else None)

    @property
    def fresh_at(self) -> datetime | None:
        """When the database last answered, UTC, naive."""
        return self.sensor_cache.fresh_at

    def midnight(self) -> datetime:
        """When today began, UTC, naive."""
        local = datetime.now(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return local.astimezone(UTC).replace(tzinfo=None)

    async def follow(self) -> None:
        """Look, again and again, for ever."""
        steps = {
            "readings": (POLL_EVERY_S, partial(self._step, "readings", self.sensor_cache.follow)),
            "sensors": (SENSORS_EVERY_S, partial(self._step, "sensors", self.sensor_cache.refresh_sensors)),
            "alarms": (POLL_EVERY_S, partial(self._step, "alarms", self._refresh_alarms)),
            "hours": (ENERGY_EVERY_S, partial(self._step, "hours", self._refresh_energy)),
        }
        (_, first), *others = steps.values()
        await first()
        await asyncio.gather(*(step() for _, step in others))
        self.has_loaded.set()
        async with asyncio.TaskGroup() as group:
            for what, (period_s, step) in steps.items():
                group.create_task(repeat_every(period_s, step), name=f"live.{what}")

    async def _refresh_alarms(self) -> None:
        active = worst_first(await self._alarms.active(()))
        shelved = await self._alarms.shelved()
        self._error = None
        if (active, shelved) != (self.active_alarms, self.shelved):
            self.active_alarms, self.shelved = active, shelved
            self.version += 1

    async def _refresh_energy(self) -> None:
        span = TimeRange(self.midnight(), utc_now() + timedelta(hours=1))
        self.today = next(iter(await self._energy.totals(span, Grouping(None))), None)

    async def _step(self, what: str, action: Callable[[], Awaitable[None]]) -> None:
        """Look once; others follow even if some documents cannot be read."""
        try:
            await action()
        except QueryError as error:
            self._error = str(error)
        except MALFORMED_ERRORS as error:
            if what not in self._unreadable:
                logger.warning("Some %s cannot be read (%r)", what, error)
            self._unreadable.add(what)
        else:
            self._unreadable.discard(what)
