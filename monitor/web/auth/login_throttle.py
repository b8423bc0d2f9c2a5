"""How long a client has to wait after wrong passwords.

Five are free. Each further one costs 1 s, 2 s, 4 s, up to a minute. They are counted by network (an IPv4
address or an IPv6 /64), whatever the user, and by user, whatever the network. The count by user does not
apply to a network from which that user has logged in lately, so that nobody can lock users out. From
elsewhere, each network gets its turn after the announced time, at most a minute, however many others guess
meanwhile. A count is forgotten a quarter of an hour after the last wrong password.
"""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from starlette.requests import HTTPConnection

FREE_FAILURES = 5
MAX_DELAY_S = 60.0
FORGET_AFTER_S = 900.0
FAMILIAR_FOR_S = 30 * 24 * 3600.0
MAX_ENTRIES = 10_000
IPV6_PREFIX = 64
Key = TypeVar("Key")
Value = TypeVar("Value")


def client_address(connection: HTTPConnection) -> str:
    """The client's address: as a trusted proxy tells it, else that of the connection."""
    return connection.client.host if connection.client else ""


class LoginAttempt(NamedTuple):
    """One attempt; ``user`` is empty for all users that do not exist."""

    user: str
    network: str

    @classmethod
    def of(cls, user: str, address: str) -> "LoginAttempt":
        """An attempt from an address; whoever has an IPv6 address has its whole network."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return cls(user, address[:IPV6_PREFIX])
        if ip.version == 4:  # noqa: PLR2004
            return cls(user, str(ip))
        return cls(user, str(ip.ipv4_mapped or ipaddress.ip_network((int(ip), IPV6_PREFIX), strict=False)))


@dataclass(slots=True)
class _FailureCount:
    """Wrong passwords, and those being checked now."""

    failures: int = 0
    in_progress: int = 0
    last: float = 0.0

    def delay_s(self) -> float:
        """How long after the last attempt the next one is allowed."""
        over = self.failures + self.in_progress - FREE_FAILURES
        return 0.0 if over < 0 else min(2.0 ** min(over, 30), MAX_DELAY_S)

    def wait_s(self, now: float) -> float:
        # A password that is being checked may turn out wrong.
        return max(0.0, self.delay_s() - (0.0 if self.in_progress else now - self.last))


class LoginThrottle:
    """Counts wrong passwords, in bounded memory; ``clock`` gives seconds, as ``time.monotonic``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._networks: OrderedDict[str, _FailureCount] = OrderedDict()
        self._users: OrderedDict[str, _FailureCount] = OrderedDict()
        self._turns: OrderedDict[LoginAttempt, float] = OrderedDict()
        self._familiar: OrderedDict[LoginAttempt, float] = OrderedDict()

    def begin(self, attempt: LoginAttempt) -> float:
        """Seconds to wait before this attempt; if there are none, ``end`` must follow."""
        now = self._clock()
        network, user = self._count(self._networks, attempt.network), self._count(self._users, attempt.user)
        turn = now
        if now - self._familiar.get(attempt, -math.inf) >= FAMILIAR_FOR_S:
            if attempt not in self._turns and user.delay_s():
                _remember(self._turns, attempt, now + user.delay_s())
            turn = self._turns.get(attempt, now)
        wait_s = max(network.wait_s(now), turn - now)
        if wait_s == 0:
            self._turns.pop(attempt, None)
            network.in_progress += 1
            user.in_progress += 1
        return wait_s

    def end(self, attempt: LoginAttempt, *, was_correct: bool) -> None:
        """Record the result of an attempt."""
        now = self._clock()
        for counts, key in ((self._networks, attempt.network), (self._users, attempt.user)):
            count = self._count(counts, key)
            count.in_progress = max(0, count.in_progress - 1)
            if not was_correct:
                count.failures += 1
                count.last = now
        if was_correct:
            _remember(self._familiar, attempt, now)

    def _count(self, counts: OrderedDict[str, _FailureCount], key: str) -> _FailureCount:
        count = counts.get(key)
        if count is None or (not count.in_progress and self._clock() - count.last > FORGET_AFTER_S):
            count = _FailureCount()
        _remember(counts, key, count)
        return count


def _remember(entries: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    """Keep an entry; beyond the limit the least recently used one is dropped."""
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > MAX_ENTRIES:
        entries.popitem(last=False)
