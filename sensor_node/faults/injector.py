"""Draws the faults of a meter or a node at each reading; random numbers and time come from outside."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sensor_node.faults.fault import InjectedFault

# Faults of the value. The others are faults of delivery, of which one is active at a time, so that the
# expected outcome of a reading is clear.
VALUE_FAULTS = frozenset({"peak", "drift", "stuck", "wrong-unit", "transient-zero", "counter-reset"})


class ActiveFault(NamedTuple):
    """A fault that is active at a reading: the ``step``-th that it affects, counted from 1."""

    fault: InjectedFault
    step: int

    @property
    def progress(self) -> float:
        """Above 0, and 1 at the last reading."""
        return self.step / self.fault.readings


@dataclass(slots=True)
class _Episode:
    """A fault of one meter, and its progress."""

    fault: InjectedFault
    step: int = 0
    is_done: bool = False


class Injector:
    """Draws faults, the same for the same random numbers.

    Each fault with a rate takes one random number at each reading, whether it strikes or not.
    """

    def __init__(self, faults: Iterable[InjectedFault], rng: random.Random, begin: datetime) -> None:
        self._episodes = [_Episode(fault) for fault in faults]
        self._rng = rng
        self._begin = begin

    def draw(self, moment: datetime) -> Mapping[str, ActiveFault]:
        """The faults that are active at a reading."""
        if not self._episodes:
            return {}
        is_busy = any(each.step and each.fault.kind not in VALUE_FAULTS for each in self._episodes)
        active: dict[str, ActiveFault] = {}
        for each in self._episodes:
            begins = self._begins(each, moment)
            is_of_delivery = each.fault.kind not in VALUE_FAULTS
            if each.step == 0:
                if not begins or each.fault.kind in active or (is_busy and is_of_delivery):
                    continue
                each.is_done = each.fault.at is not None
                is_busy = is_busy or is_of_delivery
            each.step += 1
            active[each.fault.kind] = ActiveFault(each.fault, each.step)
            if each.step == each.fault.readings:
                each.step = 0
        return active

    def _begins(self, episode: _Episode, moment: datetime) -> bool:
        fault = episode.fault
        if fault.rate is not None:
            return (self._rng.random() < fault.rate) and fault.may_start(moment, self._begin)
        return not episode.is_done and fault.is_due(moment, self._begin)
