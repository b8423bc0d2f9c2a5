"""How much of something may come: so much at once, and so much a second for ever."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

# Of so many it is known what is left; then all begin anew, which is less bad than memory without a limit.
MAX_KEYS = 200_000


@dataclass(slots=True)
class TokenBuckets:
    """A token bucket for each key; RFC 2697 has the idea.

    Attributes:
        per_s: What is added each second.
        burst: What a bucket holds at most, and at first.
        left: What is left by key. For those who learn only later how much they took: they look, and
            subtract, even below zero. Who is not in it, or has less than one left, needs ``refill`` first.
        clock: Seconds.
    """

    per_s: float
    burst: float
    left: dict[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _filled_s: dict[str, float] = field(default_factory=dict)

    def refill(self, key: str) -> float:
        """Add what has become due since the last time; say what is there now."""
        now_s = self.clock()
        if key not in self.left and len(self.left) >= MAX_KEYS:
            self.left.clear()
            self._filled_s.clear()
        before_s = self._filled_s.get(key)
        due = self.burst if before_s is None else (now_s - before_s) * self.per_s
        self._filled_s[key] = now_s
        left = self.left[key] = min(self.burst, self.left.get(key, 0.0) + due)
        return left

    def take(self, key: str, amount: float) -> bool:
        """Take something out if it is there; what is larger than a bucket takes a full one."""
        needed = min(amount, self.burst)
        left = self.left.get(key, 0.0)
        if left < needed:
            left = self.refill(key)
        if left < needed:
            return False
        self.left[key] = left - amount
        return True
