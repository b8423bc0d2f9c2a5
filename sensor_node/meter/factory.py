"""Make meters from a plan: each with its own random numbers, load, register and faults."""

import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import numpy as np

from broker.topics import SensorKey
from sensor_node.faults.fault import InjectedFault
from sensor_node.faults.injector import Injector
from sensor_node.meter.meter import Meter
from sensor_node.meter.register import EnergyRegister
from sensor_node.plan import MetersPlan, SimulationPlan
from sensor_node.profiles import make_load
from sensor_node.profiles.load import Load

# Maximum number of values that are computed ahead, for all meters of a group together and for each.
MAX_PRECOMPUTED = 100_000
MAX_PRECOMPUTED_OF_ONE = 256

LoadSource = Callable[[datetime], float]
"""Called with the time of a reading, returns the energy since the previous one, kWh."""


@dataclass(frozen=True, slots=True)
class MeterGroup:
    """Meters that are read at the same interval, each with its load source."""

    plan: MetersPlan
    meters: list[Meter]
    load_sources: list[LoadSource]


def build_group(
    meters_plan: MetersPlan,
    site: str,
    plan: SimulationPlan,
    begin: datetime,
    sequences: Mapping[SensorKey, int],
) -> MeterGroup:
    """Make the meters of a group; ``sequences`` are their first sequences."""
    meters, load_sources = [], []
    for number, sensor_id in enumerate(meters_plan.sensor_ids):
        sensor_key = SensorKey(site, sensor_id)
        faults = [fault for fault in meters_plan.faults if fnmatchcase(sensor_id, fault.meters)]
        injector = make_injector(faults, plan, sensor_id, begin)
        register = None if meters_plan.register is None else EnergyRegister(meters_plan.register)
        used: deque[datetime] = deque(maxlen=_timestamp_memory(faults, meters_plan.interval))
        sequence = sequences[sensor_key]
        meters.append(Meter(sensor_key, meters_plan.location, sequence, injector, register, used))
        load_sources.append(_load_source(meters_plan, number, plan, begin))
    return MeterGroup(meters_plan, meters, load_sources)


def make_injector(
    faults: Sequence[InjectedFault], plan: SimulationPlan, name: str, begin: datetime
) -> Injector | None:
    """The faults of one meter or node; None without any."""
    return Injector(faults, make_rng(plan.seed, name, "faults"), begin) if faults else None


def make_rng(seed: int | None, name: str, use: str) -> random.Random:
    """Random numbers of one meter for one use; the same in every run if there is a seed."""
    # A text gives the same numbers in all versions of Python.
    return random.Random(None if seed is None else f"{seed}:{name}:{use}")


def make_meter_load(meters_plan: MetersPlan, sensor_id: str, plan: SimulationPlan) -> Load:
    """The load of a meter."""
    seed = random.getrandbits(64) if plan.seed is None else plan.seed
    key = f"{seed}:{sensor_id}"
    yearly_kwh = None
    if meters_plan.yearly_kwh is not None:
        yearly_kwh = random.Random(f"{key}:yearly").uniform(*meters_plan.yearly_kwh)
    return make_load(meters_plan.profile, key, yearly_kwh, plan.surroundings)


def _load_source(meters_plan: MetersPlan, number: int, plan: SimulationPlan, begin: datetime) -> LoadSource:
    if meters_plan.recordings:
        values = iter(meters_plan.recordings[number].value_kwh.tolist())
        return lambda _: next(values)
    load = make_meter_load(meters_plan, meters_plan.sensor_ids[number], plan)
    if plan.timeline.begin is None:
        return _live(load, meters_plan.interval)
    ahead = max(1, min(MAX_PRECOMPUTED_OF_ONE, MAX_PRECOMPUTED // len(meters_plan.sensor_ids)))
    return _precomputed(load, meters_plan.interval, begin, ahead)


def _live(load: Load, interval: timedelta) -> LoadSource:
    """Measure from reading to reading; the first covers one interval."""
    last_s: float | None = None

    def used_kwh(moment: datetime) -> float:
        nonlocal last_s
        now_s = moment.timestamp()
        since_s = now_s - interval.total_seconds() if last_s is None else last_s
        if now_s <= since_s:
            return 0.0
        last_s = now_s
        return float(load.energy_kwh(np.array([since_s, now_s]))[0])

    return used_kwh


def _precomputed(load: Load, interval: timedelta, begin: datetime, ahead: int) -> LoadSource:
    """Measure interval after interval, ``ahead`` at a time: that takes a tenth of the time."""
    begin_s, step_s, done = begin.timestamp(), interval.total_seconds(), 0
    waiting: list[float] = []

    def used_kwh(_: datetime) -> float:
        nonlocal done
        if not waiting:
            edges_s = begin_s + step_s * np.arange(done, done + ahead + 1, dtype=np.float64)
            waiting.extend(reversed(load.energy_kwh(edges_s).tolist()))
            done += ahead
        return waiting.pop()

    return used_kwh


def _timestamp_memory(faults: Sequence[InjectedFault], interval: timedelta) -> int:
    """How many timestamps a meter must remember, so that a wrong clock repeats none."""
    most = max((abs(fault.by) for fault in faults), default=timedelta(0))
    lengths = sum(fault.length for fault in faults if fault.by)
    return math.ceil(most / interval) + 2 * lengths if most else 0
