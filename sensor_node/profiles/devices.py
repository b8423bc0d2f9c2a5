"""Devices that run now and then: machines, ovens, compressors.

Each run of a year has a number, and a position on a clock that advances with the energy of a shape. So a
run is found by its number, the runs follow the shape, and their energy of a year is always the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sensor_node.profiles.load import Consumer, Minutes
from sensor_node.profiles.rng import Indices, Values, seed_of, trait, uniform
from sensor_node.profiles.shapes import HOUR_MIN, Shape, energy_clock, moments


@dataclass(frozen=True, slots=True)
class Device:
    """A device.

    Attributes:
        name: Unique among the devices of a consumer.
        phases: Length, minutes, and power, kW, of each part of a run.
        spread: Irregularity of its runs: 0 as a clock, 1 random.
        varies: Maximum relative difference of a run's energy from the mean.
        differs: Maximum relative difference of its power between consumers.
    """

    name: str
    phases: tuple[tuple[float, float], ...]
    spread: float = 1.0
    varies: float = 0.2
    differs: float = 0.15

    @property
    def length_min(self) -> float:
        """Length of a run."""
        return sum(length_min for length_min, _ in self.phases)

    @property
    def energy_kwh(self) -> float:
        """Mean energy of a run."""
        return sum(length_min * power_kw for length_min, power_kw in self.phases) / HOUR_MIN


class Runs(NamedTuple):
    """Stretches of constant power; arrays of one length."""

    starts_min: Values
    lengths_min: Values
    power_kw: Values


def runs(device: Device, yearly_kwh: float, shape: Shape, consumer: Consumer, minutes: Minutes) -> Runs:
    """Find the runs of a device that touch some minutes, and perhaps a few more.

    Its energy per year determines how often it runs.
    """
    strength = 1 + device.differs * (2 * trait(consumer.key, device.name) - 1)
    number = runs_per_year(yearly_kwh / (strength * device.energy_kwh))
    scale = yearly_kwh / (number * device.energy_kwh)
    surroundings, half_min = consumer.surroundings, device.length_min / 2
    first = int(energy_clock(shape, surroundings, minutes.first - half_min) * number)
    last = int(energy_clock(shape, surroundings, minutes.end + half_min) * number)
    index = np.arange(first, last + 1)
    chance = uniform(seed_of(consumer.key, device.name, "when"), index)
    # Regular runs have a different phase for each consumer.
    own = (1 - device.spread) * trait(consumer.key, device.name, "phase")
    middle_min = moments(shape, surroundings, (index + own + device.spread * chance) / number)
    factor = scale * pair_factors(consumer, device.name, index, device.varies)
    lengths_min, power_kw = np.array(device.phases).T
    offsets_min = np.cumsum(lengths_min) - lengths_min - half_min
    starts_min = middle_min[:, None] + offsets_min
    return Runs(
        starts_min.ravel(),
        np.broadcast_to(lengths_min, starts_min.shape).ravel(),
        (factor[:, None] * power_kw).ravel(),
    )


def runs_per_year(wanted: float) -> int:
    """Number of runs in a year: even, so that runs can be larger and smaller in pairs."""
    return 2 * max(1, round(wanted / 2))


def pair_factors(consumer: Consumer, name: str, index: Indices, varies: float) -> Values:
    """Draw the relative energy of runs: in pairs whose mean is 1, at most ``varies`` from it."""
    chance = uniform(seed_of(consumer.key, name, "how much"), index >> 1)
    return 1 + varies * (2 * chance - 1) * (1 - 2 * (index & 1))


def power_of(found: Iterable[Runs], minutes: Minutes) -> Values:
    """Add up runs to the mean power of each minute, kW."""
    starts_min, lengths_min, power_kw = (np.concatenate(each) for each in zip(*found, strict=True))
    begin = np.clip(starts_min - minutes.first, 0.0, minutes.length)
    end = np.clip(starts_min + lengths_min - minutes.first, 0.0, minutes.length)
    at = np.concatenate((begin, end))
    steps_kw = np.concatenate((power_kw, -power_kw))
    cell = at.astype(np.int64)
    late_kw = steps_kw * (at - cell)
    size = minutes.length + 2
    changes_kw = np.bincount(cell, steps_kw - late_kw, size) + np.bincount(cell + 1, late_kw, size)
    # Rounding can leave values just below zero.
    return np.maximum(np.cumsum(changes_kw)[: minutes.length], 0.0)
