"""A meter's load: energy of any intervals, in any order, from power that is constant in each minute."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sensor_node.profiles.rng import Values, seed_of, trait, uniform
from sensor_node.profiles.surroundings import Surroundings

Edges = NDArray[np.float64]

# Long enough for an efficient calculation, short enough to keep for each of 10,000 meters.
BLOCK_MIN = 32
# A longer stretch is calculated in parts, which bounds the memory.
STRETCH_MIN = 400 * 24 * 60
# Meters of class B (MID) err by 1 % at most, and most by far less.
GAIN_DEVIATION, MOST_GAIN = 0.002, 0.006
JITTER = 0.005


class Load(Protocol):
    """What a meter measures."""

    def energy_kwh(self, edges_s: Edges) -> Values:
        """Energy of the N intervals between N + 1 ascending edges (Unix seconds), kWh, not rounded."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """The consumer behind a meter; for ``key`` see ``make_load``."""

    key: str
    yearly_kwh: float
    surroundings: Surroundings


class Minutes(NamedTuple):
    """A range of ``length`` minutes; ``first`` counts since 1970."""

    first: int
    length: int

    @property
    def end(self) -> int:
        """The minute after the last."""
        return self.first + self.length


Profile = Callable[[Consumer, Minutes], Values]


class MinuteLoad:
    """A load whose power is constant in each minute, so that energy adds up however it is split."""

    __slots__ = ("_block", "_consumer", "_gain", "_power_kw", "_profile")

    def __init__(self, profile: Profile, consumer: Consumer) -> None:
        self._profile = profile
        self._consumer = consumer
        chance = max(trait(consumer.key, "gain"), 1e-9)
        error = NormalDist(0, GAIN_DEVIATION).inv_cdf(chance)
        self._gain = 1 + min(max(error, -MOST_GAIN), MOST_GAIN)
        # The last block; most calls are for its next seconds.
        self._block = -1
        self._power_kw: Values = np.empty(0)

    def energy_kwh(self, edges_s: Edges) -> Values:
        """Energy of each interval; see ``Load``."""
        first = int(edges_s[0] // 60)
        count = int(-(-edges_s[-1] // 60)) - first
        if count > STRETCH_MIN and len(edges_s) > 2:  # noqa: PLR2004 - one interval cannot be cut
            half = len(edges_s) // 2
            return np.concatenate((self.energy_kwh(edges_s[: half + 1]), self.energy_kwh(edges_s[half:])))
        power_kw = self._short(first, first + count) if count <= BLOCK_MIN else self._calculate(first, count)
        # One cell more: the last edge may be the end of the last minute.
        done_kwh = np.zeros(len(power_kw) + 2)
        np.cumsum(power_kw / 60, out=done_kwh[1:-1])
        done_kwh[-1] = done_kwh[-2]
        at = edges_s / 60 - first
        cell = at.astype(np.int64)
        before_kwh = done_kwh[cell]
        used_kwh = before_kwh + (at - cell) * (done_kwh[cell + 1] - before_kwh)
        return used_kwh[1:] - used_kwh[:-1]

    def _short(self, first: int, end: int) -> Values:
        """The power of some minutes, from the one or two blocks that contain them."""
        # Blocks begin at a different minute for each meter, so that not all are calculated at the same time.
        shift = seed_of(self._consumer.key) % BLOCK_MIN
        blocks = range((first + shift) // BLOCK_MIN, (max(end - 1, first) + shift) // BLOCK_MIN + 1)
        start = blocks[0] * BLOCK_MIN - shift
        parts = []
        for block in blocks:
            if block != self._block:
                self._power_kw = self._calculate(block * BLOCK_MIN - shift, BLOCK_MIN)
                self._block = block
            parts.append(self._power_kw)
        power_kw = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return power_kw[first - start : end - start]

    def _calculate(self, first: int, count: int) -> Values:
        minutes = Minutes(first, count)
        chance = uniform(seed_of(self._consumer.key, "jitter"), np.arange(first, first + count))
        power_kw = self._profile(self._consumer, minutes)
        return power_kw * (self._gain * (1 - JITTER + 2 * JITTER * chance))
