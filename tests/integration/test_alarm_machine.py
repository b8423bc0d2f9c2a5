"""Random histories of one sensor, on a real database, held against a model that knows them whole.

Readings come in order, out of order, too late, twice; the ingestor ends in order or at any of the
moments at which it can be killed. What is kept and told in the end must be what the model says.
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker.connection import OutgoingMessage
from broker.messages import ReadingRow
from broker.topics import SensorKey
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.config.reload import reconfigure
from ingestor.alarms.evaluation.evaluator import Evaluator
from ingestor.alarms.manager import AlarmClock
from ingestor.alarms.rules.budget import BUDGET, BudgetSettings
from ingestor.alarms.rules.flatline import FlatlineSettings
from ingestor.alarms.rules.overconsumption import OVERCONSUMPTION, OverconsumptionSettings
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.alarms.rules.sustained import SustainedSettings
from ingestor.alarms.sensor_state import SensorState
from ingestor.alarms.service import AlarmService
from ingestor.documents import Measure, format_timestamp, is_late, to_measure
from ingestor.flag import Thresholds
from ingestor.settings import IngestorSettings
from ingestor.store.reading_store import ReadingStore, open_store
from ingestor.store.sensor_store import SensorStore
from ingestor.store.sensor_updates import SensorUpdates
from stack.secrets.credentials import DATABASE
from stack.servers import Servers
from tests.alarm_model import Episode, Seen, episodes, rules_with
from tests.deliveries import exceeded_threshold
from tests.fault_points import ingestor
from tests.fault_points.point import Point

pytestmark = pytest.mark.integration

RUNS_PER_PART = 250
SETTINGS = IngestorSettings()
START = datetime(2026, 11, 23, 10)  # noqa: DTZ001 - as documents have it
VALUES = st.sampled_from([0.0, 5.0, 11.4, 11.5, 11.9, 12.0, 12.000001, 12.5, 13.0, 15.0])
GAPS_S = st.sampled_from([0.001, 1.0, 5.0, 30.0, 59.0, 60.0, 200.0])
numbers = itertools.count(1)
T = TypeVar("T")


@st.composite
def rules_of_a_sensor(draw: st.DrawFn) -> AllRuleSettings:
    """Half of all sensors have nothing but the defaults."""
    if draw(st.booleans()):
        return AllRuleSettings()
    seconds = st.sampled_from([0.0, 5.0, 60.0]).map(lambda each: timedelta(seconds=each))
    counts = st.integers(1, 3)
    over = OverconsumptionSettings(
        on_readings=draw(counts),
        on_delay=draw(seconds),
        deadband_kwh=draw(st.sampled_from([0.0, 0.5])),
        off_readings=draw(counts),
        off_delay=draw(seconds),
    )
    return rules_with(
        overconsumption=over,
        sustained=SustainedSettings(
            limit_kwh=draw(st.sampled_from([None, 11.9])), deadband_kwh=0.5, window=timedelta(seconds=60)
        ),
        budget=BudgetSettings(limit_kwh=draw(st.sampled_from([None, 40.0]))),
        stuck=FlatlineSettings(readings=draw(st.sampled_from([None, 3]))),
    )


class Ear:
    """Stands for the connection: takes what is told, or is lost."""

    def __init__(self) -> None:
        self.told: list[OutgoingMessage] = []

    async def publish_many(self, messages: Sequence[OutgoingMessage]) -> None:
        self.told += messages


class Machine(RuleBasedStateMachine):
    """One sensor's history.

    Attributes:
        store: The real database.
        loop: In which everything runs.
    """

    store: ReadingStore
    loop: asyncio.AbstractEventLoop

    @initialize(rules=rules_of_a_sensor())
    def begin(self, rules: AllRuleSettings) -> None:
        number = next(numbers)
        self.sensor, self.site = f"Machine-{number}", f"machine-{number}"
        self.config = AlarmConfig(rules=rules)
        # A day of its own, so that a restart finds little else that is new.
        self.newest = self.now = START + timedelta(days=number)
        self.used: set[datetime] = set()
        self.measures: list[Measure] = []
        self.told: set[str] = set()
        self.run(self.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def open(self) -> None:
        """Start an ingestor's alarms as a new process does."""
        self.limits, self.sensors = Thresholds(12.0), SensorUpdates()
        options = SETTINGS.model_copy(update={"name": self.sensor, "site": self.site})
        self.alarms = AlarmService(options, self.config, self.store, self.limits, self.sensors)
        self.alarms.manager.clock = AlarmClock(lambda: self.now)
        self.ear = Ear()
        await self.alarms.load()
        self.alarms.outbox.attach(self.ear)  # type: ignore[arg-type]  # all that it uses of a connection

    async def bring_home(self) -> None:
        """Write and tell all, and fold anew until nothing is in doubt."""
        while True:
            await self.alarms.outbox.write()
            await self.alarms.outbox.publish()
            if not self.alarms.evaluator.dirty:
                break
            await self.alarms.reevaluate()
        self.hear()

    async def note(self) -> None:
        """Note how far all is judged and told, as is done again and again, and by then others spoke."""
        await self.somebody_else()
        for _ in range(2):
            await self.bring_home()
            await self.alarms.note_progress()
            if updates := self.sensors.take():
                await SensorStore(self.store).update(updates)
            self.sensors.on_written()
        await self.bring_home()

    async def somebody_else(self) -> None:
        """Another sensor has a reading, so that the newest batch is not this one's."""
        self.now += timedelta(milliseconds=1)
        name, stamp = f"{self.sensor}-2", format_timestamp(self.now)
        row = ReadingRow(sensor_id=name, value_kwh=1.0, timestamp=stamp)
        measure = to_measure(row, SensorKey(self.site, name), (self.now, stamp), None, self.now)
        await self.store.insert([measure])
        self.sensors.on_stored([measure])
        self.alarms.evaluator.on_stored([measure], self.now)

    def hear(self) -> None:
        for message in self.ear.told:
            if not message.topic.endswith(f"/{self.sensor}"):
                continue
            self.state = json.loads(message.payload)["alarms"]
            self.told |= {each["id"] for each in self.state}
        self.ear.told.clear()

    def measure(self, at: datetime, value_kwh: float) -> Measure:
        self.used.add(at)
        stamp = format_timestamp(at)
        row = ReadingRow(sensor_id=self.sensor, value_kwh=value_kwh, timestamp=stamp)
        threshold_kwh = exceeded_threshold(row, self.site, self.limits)
        return to_measure(row, SensorKey(self.site, self.sensor), (at, stamp), threshold_kwh, self.now)

    async def arrive(self, measures: Sequence[Measure], *, judged: bool = True) -> None:
        problems = await self.store.insert(measures)
        stored = [each for index, each in enumerate(measures) if index not in problems]
        self.measures += stored
        if judged:
            self.sensors.on_stored(stored)
            self.alarms.evaluator.on_stored(stored, self.now)

    def later(self) -> None:
        """Each batch has a time of its own."""
        self.now = max(self.now + timedelta(milliseconds=1), self.newest)

    def next_in_order(self, gap_s: float, value_kwh: float) -> Measure:
        self.newest += timedelta(seconds=gap_s)
        self.later()
        return self.measure(self.newest, value_kwh)

    def between(self, ago_s: float, value_kwh: float) -> Measure | None:
        self.later()
        at = self.newest - timedelta(seconds=ago_s)
        return None if at in self.used else self.measure(at, value_kwh)

    @rule(readings=st.lists(st.tuples(GAPS_S, VALUES), min_size=1, max_size=4), at_once=st.booleans())
    def comes_in_order(self, readings: list[tuple[float, float]], at_once: bool) -> None:
        measures = []
        for gap_s, value_kwh in readings:
            measures.append(self.next_in_order(gap_s, value_kwh))
            if not at_once:
                self.run(self.arrive([measures.pop()]))
        self.run(self.arrive(measures))

    @rule(ago_s=st.sampled_from([0.001, 0.5, 2.5, 10.0, 45.0, 100.0, 599.0]), value_kwh=VALUES)
    def comes_out_of_order(self, ago_s: float, value_kwh: float) -> None:
        if measure := self.between(ago_s, value_kwh):
            self.run(self.arrive([measure]))

    @rule(readings=st.permutations([(1.0, 13.0), (2.0, 5.0), (3.0, 12.5), (4.0, 11.4)]))
    def comes_shuffled(self, readings: list[tuple[float, float]]) -> None:
        begin = self.newest
        self.newest += timedelta(seconds=5)
        self.later()
        self.run(self.arrive([self.measure(begin + timedelta(seconds=at), value) for at, value in readings]))

    @precondition(lambda self: not self.config.rules.of(BUDGET).is_on)
    @rule(ago_s=st.sampled_from([601.0, 700.0, 5000.0]), value_kwh=VALUES)
    def comes_too_late(self, ago_s: float, value_kwh: float) -> None:
        if measure := self.between(ago_s + (self.now - self.newest).total_seconds(), value_kwh):
            self.run(self.arrive([measure]))

    @precondition(lambda self: bool(self.measures))
    @rule(which=st.integers(0, 1000))
    def comes_twice(self, which: int) -> None:
        self.later()
        self.run(self.arrive([{**self.measures[which % len(self.measures)], "received_at": self.now}]))

    @rule()
    def rebuilds_while_more_comes(self) -> None:
        """A reading is judged while its sensor's rules are folded anew."""
        self.run(self.alarms.outbox.write())
        self.run(self.overlap())

    async def overlap(self) -> None:
        rebuilding = asyncio.ensure_future(self.alarms.reevaluate())
        await asyncio.sleep(0)  # so that the task begins
        await self.arrive([self.next_in_order(1.0, 13.0)])
        if measure := self.between(0.25, 5.0):
            await self.arrive([measure])
        await rebuilding

    @rule()
    def ends_in_order(self) -> None:
        self.run(self.note())
        self.run(self.open())

    @rule(readings=st.lists(st.tuples(GAPS_S, VALUES), max_size=3))
    def is_killed_before_it_judged(self, readings: list[tuple[float, float]]) -> None:
        measures = [self.next_in_order(*each) for each in readings]
        self.run(self.arrive(measures, judged=False))
        self.run(self.open())

    @rule()
    def is_killed_before_it_wrote(self) -> None:
        self.run(self.open())

    @rule()
    def is_killed_before_it_told(self) -> None:
        self.run(self.alarms.outbox.write())
        self.run(self.open())

    @rule()
    def is_killed_before_it_noted_that(self) -> None:
        self.run(self.bring_home())
        self.run(self.open())

    @rule()
    def notes_how_far_it_is(self) -> None:
        self.run(self.note())

    def teardown(self) -> None:
        if not hasattr(self, "alarms"):
            return
        self.run(self.note())
        kept = self.run(self.kept())
        timely = [each for each in self.measures if not is_late(each)]
        seen = [Seen(each["timestamp"], each["value_kwh"], each["is_anomaly"]) for each in timely]
        expected = episodes(seen, self.config.rules, 12.0, self.config.zone)
        assert [to_episode(each) for each in kept] == expected
        ids = {each["_id"] for each in kept}
        assert ids <= self.told, "never told"
        track = self.alarms.manager.sensors.get(self.sensor)
        standing = {each["_id"] for each in ((track and track.alarms) or {}).values()}
        assert standing == {each["_id"] for each in kept if each["cleared_at"] is None}
        if kept:
            assert {each["id"] for each in self.state} == standing

    async def kept(self) -> list[dict[str, Any]]:
        wanted = {"sensor_id": self.sensor, "retracted_at": None}
        return [
            each
            async for each in self.store.database["alarms"].find(wanted).sort([("rule", 1), ("since", 1)])
        ]


def to_episode(document: dict[str, Any]) -> Episode:
    return Episode(*(document[name] for name in ("rule", "since", "raised_at", "cleared_at", "peak_kwh")))


@pytest.fixture
def machine(servers: Servers) -> Iterator[type[Machine]]:
    """The machine on a database of its own."""
    with asyncio.Runner() as runner:

        class Here(Machine):
            loop = runner.get_loop()

        # Its readings are of days to come, which other tests must not find.
        opening = open_store(servers.mongo("admin").replace(f"/{DATABASE}", "/energy_machine"))
        Here.store = runner.run(opening.__aenter__())
        runner.run(Here.store.prepare())
        yield Here
        runner.run(opening.__aexit__(None, None, None))


def run(machine: type[Machine], runs: int, number: int, *phases: Phase) -> None:
    how = settings(
        max_examples=runs,
        stateful_step_count=8,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(machine), settings=how)


@pytest.mark.parametrize(
    "part", [0, 1, *(pytest.param(each, marks=pytest.mark.long) for each in range(2, 8))]
)
def test_history_of_a_sensor_is_what_the_model_says(machine: type[Machine], part: int) -> None:
    run(machine, RUNS_PER_PART, part, Phase.generate, Phase.shrink)


def test_history_is_the_same_in_small_pages_and_with_little_kept(machine: type[Machine]) -> None:
    with ingestor.READINGS_OF_A_PAGE.replace(2), ingestor.MOST_KEPT_MEANWHILE.replace(1):
        run(machine, RUNS_PER_PART // 2, 8, Phase.generate, Phase.shrink)


def as_if_in_order(judge: Evaluator, track: SensorState, measure: Measure) -> None:
    judge.step(track, measure)


async def nothing(*_: object) -> list[object]:
    return []


FAULTS: dict[str, tuple[Point, object]] = {
    "a reading out of order is taken as the newest": (ingestor.JUDGE_IN_DETAIL, as_if_in_order),
    "what was stored and not judged is forgotten": (ingestor.READINGS_UNJUDGED, nothing),
    "what was perhaps not told is not told again": (ingestor.TELL_ALARMS_AGAIN, lambda *_: None),
    "what stood when a process ended is forgotten": (ingestor.PUT_UP_STANDING_ALARMS, lambda *_: None),
    "a peak is forgotten": (ingestor.NOTE_PEAK, lambda *_: False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(machine: type[Machine], fault: str) -> None:
    point, broken = FAULTS[fault]
    with point.replace(broken), pytest.raises(AssertionError):
        run(machine, 500, 0, Phase.generate)


def delay_over_a_restart(machine: Machine) -> None:
    machine.begin(rules=rules_with(overconsumption=OverconsumptionSettings(on_readings=2)))
    machine.comes_in_order(readings=[(1.0, 13.0)], at_once=True)
    machine.ends_in_order()
    machine.comes_in_order(readings=[(1.0, 13.0)], at_once=True)
    machine.teardown()


def late_before_all_others(machine: Machine) -> None:
    machine.begin(rules=AllRuleSettings())
    machine.comes_too_late(ago_s=700.0, value_kwh=13.0)
    machine.teardown()


# Those that chance finds too seldom.
RARE: dict[str, tuple[Callable[[Machine], None], Point, object]] = {
    "how far a delay was is forgotten": (delay_over_a_restart, ingestor.RULES_LOOK_BACK, False),
    "a reading that is too late changes alarms": (
        late_before_all_others,
        ingestor.IS_TOO_LATE_TO_JUDGE,
        lambda _: False,
    ),
}


@pytest.mark.parametrize("fault", RARE)
def test_rare_fault_is_found_and_the_product_stands_the_same(machine: type[Machine], fault: str) -> None:
    scenario, point, broken = RARE[fault]
    scenario(machine())
    with point.replace(broken), pytest.raises(AssertionError):
        scenario(machine())


def test_rules_that_change_while_a_sensor_is_folded_anew_count_from_then_on(machine: type[Machine]) -> None:
    scene = machine()
    scene.begin(rules=AllRuleSettings())
    scene.comes_in_order(readings=[(1.0, 5.0), (1.0, 5.0)], at_once=True)
    scene.comes_out_of_order(ago_s=0.5, value_kwh=5.0)
    original = ingestor.READINGS_SINCE.original

    async def since(history: object, *asked: object) -> object:
        if scene.config.rules.of(OVERCONSUMPTION).enabled:
            scene.config = AlarmConfig(
                rules=rules_with(overconsumption=OverconsumptionSettings(enabled=False))
            )
            reconfigure(scene.alarms.manager, scene.config)
        return await original(history, *asked)

    with ingestor.READINGS_SINCE.replace(since):
        scene.run(scene.bring_home())
    assert not scene.config.rules.of(OVERCONSUMPTION).enabled
    scene.comes_in_order(readings=[(1.0, 13.0)], at_once=True)
    scene.teardown()
