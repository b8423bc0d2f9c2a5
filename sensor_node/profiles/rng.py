"""Random numbers that can be drawn in any order: one for each index, always the same."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

# SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)


def seed_of(*names: str) -> int:
    """Make a seed of 64 bits from names; different names give independent seeds."""
    return int.from_bytes(blake2b("\x1f".join(names).encode(), digest_size=8).digest(), "little")


def trait(*names: str) -> float:
    """Draw a constant of these names, from 0 to below 1."""
    return (seed_of(*names) >> 11) * 2.0**-53


def uniform(seed: int, indices: Indices) -> Values:
    """Draw a number from 0 to below 1 for each index."""
    mixed = indices.astype(np.uint64) * GOLDEN + np.uint64(seed)
    mixed ^= mixed >> np.uint64(30)
    mixed *= FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= SECOND
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def drift(seed: int, first_min: int, count: int, step_min: int) -> Values:
    """Draw a wandering line from -1 to 1: a value for each minute, linear between turns."""
    minutes = np.arange(first_min, first_min + count)
    start = first_min // step_min
    turns = np.arange(start, (first_min + count) // step_min + 2)
    heights = 2 * uniform(seed, turns) - 1
    return np.interp(minutes / step_min, turns, heights)
