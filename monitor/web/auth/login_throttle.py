"""How long somebody has to wait who has tried wrong passwords.

Five wrong ones are free. From then on each costs more, a second, two, four, up to a minute, and is counted
twice. By address: whoever guesses is slowed down, under whatever names. And by user: who guesses from many
addresses is slowed down too. The second does not hold where that user has come in lately, so that
nobody can keep people out of their own desks. From elsewhere, whoever is told to wait gets a turn after that
time, however many others guess meanwhile: at most a minute, from any address.

What is counted is forgotten after a quarter of an hour without a wrong password.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

FREE_FAILURES = 5
MAX_DELAY_S = 60.0
FORGET_AFTER_S = 900.0
FAMILIAR_FOR_S = 30 * 24 * 3600.0
MAX_ENTRIES = 10_000
IPV6_PREFIX = 64
Key = TypeVar("Key")
Value = TypeVar("Value")


class LoginAttempt(NamedTuple):
    """Somebody tries a password.

    Attributes:
        user: As whom; empty for all users that do not exist.
        network: From where.
    """

    user: str
    network: str

    @classmethod
    def of(cls, user: str, address: str) -> "LoginAttempt":
        """Whoever has an IPv6 address has a network full of them."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return cls(user, address[:IPV6_PREFIX])
        if isinstance(ip, ipaddress.IPv6Address):
            if ip.ipv4_mapped is not None:
                return cls(user, str(ip.ipv4_mapped))
            return cls(user, str(ipaddress.ip_network((int(ip), IPV6_PREFIX), strict=False)))
        return cls(user, str(ip))


@dataclass(slots=True)
class _FailureCount:
    """Wrong passwords, and those that are being checked now."""

    failures: int = 0
    in_progress: int = 0
    last: float = 0.0

    def delay_s(self) -> float:
        """How long the next one has to wait after the last."""
        over = self.failures + self.in_progress - FREE_FAILURES
        return 0.0 if over < 0 else min(2.0 ** min(over, 30), MAX_DELAY_S)

    def wait_s(self, now: float) -> float:
        """How long the next one has to wait from now on."""
        # What is being checked may be wrong a moment later.
        since_s = 0.0 if self.in_progress else now - self.last
        return max(0.0, self.delay_s() - since_s)


class LoginThrottle:
    """Counts wrong passwords, in bounded memory.

    Args:
        clock: Seconds, as of ``time.monotonic``.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._networks: OrderedDict[str, _FailureCount] = OrderedDict()
        self._users: OrderedDict[str, _FailureCount] = OrderedDict()
        self._turns: OrderedDict[LoginAttempt, float] = OrderedDict()
        self._familiar: OrderedDict[LoginAttempt, float] = OrderedDict()

    def begin(self, what: LoginAttempt) -> float:
        """Ask whether somebody may try now; if so, ``end`` has to follow.

        Returns:
            0 if they may; else how long they have to wait, seconds.
        """
        now = self._clock()
        place, user = self._count(self._networks, what.network), self._count(self._users, what.user)
        turn_s = 0.0 if self._is_familiar(what) else self._turn_wait_s(what, user.delay_s())
        wait_s = max(place.wait_s(now), turn_s)
        if wait_s == 0:
            self._turns.pop(what, None)
            place.in_progress += 1
            user.in_progress += 1
        return wait_s

    def end(self, what: LoginAttempt, *, was_correct: bool) -> None:
        """Say what came of a try."""
        now = self._clock()
        for counts, key in ((self._networks, what.network), (self._users, what.user)):
            count = self._count(counts, key)
            count.in_progress = max(0, count.in_progress - 1)
            if not was_correct:
                count.failures += 1
                count.last = now
        if was_correct:
            _remember(self._familiar, what, now)

    def _count(self, counts: OrderedDict[str, _FailureCount], key: str) -> _FailureCount:
        count = counts.get(key)
        if count is None or (not count.in_progress and self._clock() - count.last > FORGET_AFTER_S):
            count = _FailureCount()
        _remember(counts, key, count)
        return count

    def _is_familiar(self, what: LoginAttempt) -> bool:
        return self._clock() - self._familiar.get(what, float("-inf")) < FAMILIAR_FOR_S

    def _turn_wait_s(self, what: LoginAttempt, costs_s: float) -> float:
        now, turn = self._clock(), self._turns.get(what)
        if turn is None:
            if costs_s == 0:
                return 0.0
            turn = now + costs_s
            _remember(self._turns, what, turn)
        return max(0.0, turn - now)


def _remember(kept: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    """Keep a value, at the cost of that which was not used for longest."""
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MAX_ENTRIES:
        kept.popitem(last=False)
