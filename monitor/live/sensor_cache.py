"""All sensors as they are known now, for views that go on: refreshed step by step, never drawn here."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from ingestor.documents import SensorDocument, utc_now
from monitor.live.live_sensor import RECENT_READINGS, LiveSensor, to_seconds
from monitor.queries.database import QueryDatabase, QueryError
from monitor.queries.readings import ReadingQueries
from monitor.queries.sensors import SensorQueries
from monitor.queries.tail import LOOK_BACK, ReadingTail

FILLED_AT_ONCE = 50
LOADERS = 8
# Reading the list of a great many sensors may take a twentieth of the time.
REST_PER_LOOK = 20
REST_AT_LEAST_FROM_S = 0.25
TAKEN_AT_ONCE = 2000
# What comes of documents that somebody has changed by hand, past the database's own check of them.
MALFORMED_ERRORS = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)


class SensorTotals(NamedTuple):
    """All sensors in a few numbers: what those take that are not stale, and how many there are of each state.

    Attributes:
        anomalies: How many online sensors have an anomaly as their last reading.
    """

    power_kw: float
    sensors: int
    online: int
    stale: int
    offline: int
    anomalies: int


class SensorCache:
    """All sensors of a database.

    Call ``follow`` first and then a few times a second, ``refresh_sensors`` every few seconds, and
    ``load_history`` for the sensors that are looked at. None raises when the database does not answer:
    ``error`` says so until it does. When some documents cannot be read, the others are taken over all the
    same before one of ``MALFORMED_ERRORS`` is raised.

    Attributes:
        sensors: Each one by its name.
        fresh_at: When the database last answered, UTC, naive; None if it never did.
    """

    def __init__(self, database: QueryDatabase) -> None:
        self.sensors: dict[str, LiveSensor] = {}
        self.fresh_at: datetime | None = None
        self._tail = ReadingTail(database)
        self._list = SensorQueries(database)
        self._readings = ReadingQueries(database)
        self._errors: dict[str, str] = {}
        self._list_again_at_s = 0.0

    @property
    def error(self) -> str | None:
        """Why what is known here is old, as a sentence's body; None if it is not."""
        return next(iter(self._errors.values()), None)

    async def follow(self) -> None:
        """Take over the readings that were stored since the last call."""
        seen: set[str] = set()
        malformed: Exception | None = None
        with self._look("readings"):
            measures = await self._tail.new()
            # There were more than the tail gives out.
            hole = len(measures) >= LOOK_BACK
            for measure in measures:
                try:
                    name = measure["sensor_id"]
                    self._sensor(name).add((measure,), after_hole=hole and name not in seen)
                    seen.add(name)
                except MALFORMED_ERRORS as error:
                    malformed = error
        if malformed is not None:
            raise malformed

    async def refresh_sensors(self) -> None:
        """Take over what is known of the sensors besides their readings.

        When there are so many that this takes long, calls that come too soon do nothing.
        """
        if time.monotonic() < self._list_again_at_s:
            return
        began_s = time.monotonic()
        with self._look("sensors"):
            await self._take(await self._list.all())
            took_s = time.monotonic() - began_s
            if took_s > REST_AT_LEAST_FROM_S:
                self._list_again_at_s = time.monotonic() + REST_PER_LOOK * took_s

    async def load_history(self, sensor_ids: Iterable[str], *, fewer_than: int = 2) -> None:
        """Load the last readings of the first sensors of which few are known, once."""
        known = (self.sensors.get(each) for each in sensor_ids)
        bare = (each for each in known if each and not each.is_loaded and each.count < fewer_than)
        wanted = list(islice(bare, FILLED_AT_ONCE))
        queue = iter(wanted)
        await asyncio.gather(*(self._load(queue) for _ in wanted[:LOADERS]))

    def totals(self, now: datetime) -> SensorTotals:
        """Sum up all sensors."""
        now_s = to_seconds(now)
        power_kw = 0.0
        online = stale = offline = anomalies = 0
        for sensor in self.sensors.values():
            power_kw += sensor.power_kw_at(now_s) or 0.0
            if sensor.status == "offline":
                offline += 1
            elif sensor.is_stale_at(now_s):
                stale += 1
            else:
                online += 1
                anomalies += sensor.is_anomaly
        return SensorTotals(power_kw, len(self.sensors), online, stale, offline, anomalies)

    @contextmanager
    def _look(self, what: str) -> Iterator[None]:
        try:
            yield
        except QueryError as error:
            self._errors[what] = str(error)
        else:
            self._errors.pop(what, None)
            self.fresh_at = utc_now()

    def _sensor(self, sensor_id: str) -> LiveSensor:
        sensor = self.sensors.get(sensor_id)
        if sensor is None:
            sensor = self.sensors[sensor_id] = LiveSensor(sensor_id)
        return sensor

    async def _take(self, documents: list[SensorDocument]) -> None:
        malformed: Exception | None = None
        for number, document in enumerate(documents):
            try:
                self._sensor(document["sensor_id"]).update(document)
            except MALFORMED_ERRORS as error:
                malformed = error
            if number % TAKEN_AT_ONCE == TAKEN_AT_ONCE - 1:
                await asyncio.sleep(0)  # others want to go on meanwhile
        # One that is only heard is not listed yet.
        listed = {document.get("sensor_id") for document in documents}
        for name in [name for name, each in self.sensors.items() if each.is_listed and name not in listed]:
            del self.sensors[name]
        if malformed is not None:
            raise malformed

    async def _load(self, sensors: Iterator[LiveSensor]) -> None:
        with self._look("history"):
            for sensor in sensors:
                sensor.is_loaded = True
                try:
                    # ``follow`` says so of malformed readings.
                    with suppress(*MALFORMED_ERRORS):
                        sensor.load(await self._readings.newest(sensor.sensor_id, RECENT_READINGS))
                except QueryError:
                    sensor.is_loaded = False
                    raise
