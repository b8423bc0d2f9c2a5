"""How far apart a sensor's readings are, as the alarms learn it while the ingestor runs."""

from datetime import datetime, timedelta

import pytest

from broker.topics import SensorKey, Topics
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.evaluation.evaluator import Evaluator
from ingestor.alarms.manager import AlarmClock, AlarmManager
from ingestor.alarms.rules.rule import NEVER
from ingestor.alarms.sensor_state import LEARN_FROM
from ingestor.alarms.supervision.liveness import LEARN_AGAIN_AFTER, LivenessMonitor
from ingestor.documents import NORMAL, Measure, format_timestamp, measure_id
from ingestor.flag import Thresholds
from ingestor.nodes import Nodes

BEGIN = datetime(2026, 11, 23, 10, 0)  # noqa: DTZ001 - as documents have it
SECOND = timedelta(seconds=1)
PLACE = SensorKey("lari", "S-1")


class World:
    """One sensor, one judge, and a clock that the test turns."""

    def __init__(self) -> None:
        self.now = BEGIN
        clock = AlarmClock(lambda: self.now, self._seconds)
        self.board = AlarmManager(Topics(), AlarmConfig(), Thresholds(12.0), lambda _: None, clock)
        self.judge = Evaluator(self.board)
        self.presence = LivenessMonitor(self.board, Nodes())
        self.presence.listen(listening=True)
        self.track = self.board.sensor(PLACE)
        self.track.is_primed = True

    def _seconds(self) -> float:
        return (self.now - BEGIN).total_seconds()

    def read(self, times: int) -> None:
        """A reading a second, with a value that changes nothing else."""
        for _ in range(times):
            self.now += SECOND
            measure: Measure = {
                "_id": measure_id(PLACE.name, format_timestamp(self.now)),
                "sensor_id": PLACE.name,
                "site": PLACE.site,
                "location": None,
                "value_kwh": 1.0,
                "timestamp": self.now,
                "is_anomaly": False,
                "status_message": NORMAL,
                "received_at": self.now,
            }
            self.judge.on_stored([measure], self.now)
            self.presence.tick()

    def wait(self, length: timedelta) -> None:
        """Let time go by in which nothing comes."""
        until = self.now + length
        while self.now < until:
            self.now += SECOND
            self.presence.tick()


def test_interval_is_learned_from_readings() -> None:
    world = World()
    world.read(10)
    assert world.track.interval_s == pytest.approx(1.0)


def test_silence_before_it_learns_anew_is_not_taken_for_the_interval() -> None:
    world = World()
    for _ in range(4):
        world.read(6 * LEARN_AGAIN_AFTER)
        world.wait(timedelta(minutes=10))
        # It may be about to learn anew just then.
        world.track.to_learn, world.track.arrived, world.track.newest_then = LEARN_FROM, NEVER, NEVER
    world.read(10)
    assert world.track.interval_s == pytest.approx(1.0)
    # So it is seen as soon as ever that the sensor is silent again.
    before = world.now
    world.wait(timedelta(seconds=7))
    assert world.track.is_active("silent")
    assert (world.track.alarms or {})["silent"]["since"] == before
