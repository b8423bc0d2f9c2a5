"""How long a client has to wait after wrong passwords.

Five are free. Each further one costs 1 s, 2 s, 4 s, up to a minute. They are counted by network (an IPv4
address or an IPv6 /64) and by user, whatever the network. Operators have a count of their own in each
network, so that nobody who guesses another user's password holds them up. The count by user does not apply
to a network from which that user has logged in lately, so that nobody can lock users out. From elsewhere,
each network gets its turn after the announced time, at most a minute, however many others guess meanwhile.
Who shows a token that was issued to the user lately, even if it has ended, is counted alone: others at the
same address do not hold them up. A count is forgotten a quarter of an hour after the last wrong password.
"""

import ipaddress
import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from starlette.requests import HTTPConnection

FREE_FAILURES = 5
MAX_DELAY_S = 60.0
# Of all users of a network but operators: so that both counts together let pass less than two a minute.
LONG_DELAY = 1.5
OWN_COUNT_USER = "operator"
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
    """Wrong passwords."""

    failures: int = 0
    last: float = 0.0

    def delay_s(self) -> float:
        """How long after the last attempt the next one is allowed."""
        over = self.failures - FREE_FAILURES
        return 0.0 if over < 0 else min(2.0 ** min(over, 30), MAX_DELAY_S)

    def wait_s(self, now: float, factor: float = 1.0) -> float:
        return max(0.0, self.delay_s() * factor - (now - self.last))


class LoginThrottle:
    """Counts wrong passwords, in bounded memory; ``clock`` gives seconds, as ``time.monotonic``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._networks: OrderedDict[LoginAttempt, _FailureCount] = OrderedDict()
        self._users: OrderedDict[str, _FailureCount] = OrderedDict()
        self._turns: OrderedDict[LoginAttempt, float] = OrderedDict()
        # By user: viewers who log in again and again do not make operators unknown.
        self._familiar: defaultdict[str, OrderedDict[LoginAttempt, float]] = defaultdict(OrderedDict)

    def is_familiar(self, attempt: LoginAttempt) -> bool:
        """Whether the user has logged in from there lately, or was issued this token."""
        return self._clock() - self._familiar[attempt.user].get(attempt, -math.inf) < FAMILIAR_FOR_S

    def remember(self, attempt: LoginAttempt) -> None:
        """Make it a familiar one."""
        _remember(self._familiar[attempt.user], attempt, self._clock())

    def wait_s(self, attempt: LoginAttempt) -> float:
        """Seconds to wait before this attempt."""
        now = self._clock()
        user, turn = self._count(self._users, attempt.user), now
        if not self.is_familiar(attempt):
            if attempt not in self._turns and user.delay_s():
                _remember(self._turns, attempt, now + user.delay_s())
            turn = self._turns.get(attempt, now)
        key = _network_key(attempt)
        factor = 1.0 if key.user else LONG_DELAY
        return max(self._count(self._networks, key).wait_s(now, factor), turn - now)

    def begin(self, attempt: LoginAttempt) -> float:
        """The same; if there are none, ``end`` must follow, before another attempt begins."""
        wait_s = self.wait_s(attempt)
        if wait_s == 0:
            self._turns.pop(attempt, None)
        return wait_s

    def end(self, attempt: LoginAttempt, *, was_correct: bool) -> None:
        """Record the result of an attempt."""
        if was_correct:
            self.remember(attempt)
            return
        now = self._clock()
        for count in (
            self._count(self._networks, _network_key(attempt)),
            self._count(self._users, attempt.user),
        ):
            count.failures += 1
            count.last = now

    def _count(self, counts: OrderedDict[Key, _FailureCount], key: Key) -> _FailureCount:
        count = counts.get(key)
        if count is None or self._clock() - count.last > FORGET_AFTER_S:
            count = _FailureCount()
        _remember(counts, key, count)
        return count


def _network_key(attempt: LoginAttempt) -> LoginAttempt:
    return attempt if attempt.user == OWN_COUNT_USER else attempt._replace(user="")


def _remember(entries: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    """Keep an entry; beyond the limit the least recently used one is dropped."""
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > MAX_ENTRIES:
        entries.popitem(last=False)
