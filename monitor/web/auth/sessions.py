"""Who may come in, and what they may do: two users, each with a password."""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from monitor.web.auth.login_throttle import LoginAttempt, LoginThrottle

Role = Literal["viewer", "operator"]
Clock = Callable[[], float]
SESSION_LIFETIME_S = 12 * 3600
RETRY_WHEN_BUSY_S = 10
MAX_WAITING = 20
MAX_SESSIONS_PER_ROLE = 5_000


class Session:
    """Somebody who has logged in, until they leave or their time is over.

    Args:
        role: ``viewer`` may look, ``operator`` may also acknowledge, shelve and repair.
        stay_s: For how long, seconds.
        clock: Tells the time, seconds.
    """

    def __init__(self, role: Role, stay_s: float = SESSION_LIFETIME_S, clock: Clock = time.monotonic) -> None:
        self.role = role
        self._clock = clock
        self._until = clock() + stay_s
        self._left = asyncio.Event()

    @property
    def is_active(self) -> bool:
        """Whether they are still logged in."""
        return not self._left.is_set() and self._clock() < self._until

    @property
    def may_operate(self) -> bool:
        """Whether they may do more than look, and still may."""
        return self.role == "operator" and self.is_active

    def end(self) -> None:
        """Be logged in no more."""
        self._left.set()

    async def ended(self) -> None:
        """Wait until they are logged in no more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._until - self._clock()):
                await self._left.wait()
        # The event loop may wake up a moment too early.
        self.end()


class LoginThrottledError(Exception):
    """Raised when somebody has to wait before they may try a password; says why.

    Args:
        sentence: Why.
        retry_after_s: For how long, seconds.
    """

    def __init__(self, sentence: str, wait_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = wait_s


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What somebody shows after they have logged in.

    Attributes:
        value: The token itself: chance, which only this process knows.
        lifetime_s: For how long it is good, seconds.
    """

    value: str
    lifetime_s: int


class Authenticator:
    """Checks passwords, hands out tokens and knows whose they are.

    Passwords are kept as Argon2 hashes only. Tokens live in memory: after a restart everybody logs in again.
    Passwords are tried one after the other, and who tries wrong ones has to wait ever longer.

    Args:
        passwords: The password of each user.
        clock: Tells the time, seconds.
    """

    def __init__(self, passwords: dict[Role, str], clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._hasher = PasswordHasher()
        self._hashes = {role: self._hasher.hash(password) for role, password in passwords.items()}
        # What a name that does not exist is checked against, so that it takes as long as one that does.
        self._decoy_hash = self._hasher.hash(secrets.token_hex())
        self._sessions: dict[str, Session] = {}
        self._throttle = LoginThrottle(clock)
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def log_in(self, user: str, password: str, address: str) -> SessionToken | None:
        """Check a password.

        Args:
            user: The user's name.
            password: What they say is the user's password.
            address: From where they come.

        Returns:
            A token; None if user or password are wrong.

        Raises:
            BusyError: Too many wrong ones were tried, or too many are being checked.
        """
        if self._waiting >= MAX_WAITING:
            raise LoginThrottledError("Too many people are logging in", RETRY_WHEN_BUSY_S)
        role = next((each for each in self._hashes if each == user), None)
        what = LoginAttempt.of(role or "", address)
        wait_s = self._throttle.begin(what)
        if wait_s > 0:
            raise LoginThrottledError("Too many wrong passwords", math.ceil(wait_s))
        is_right = False
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                is_right = await asyncio.to_thread(self._check, role, password)
        finally:
            self._waiting -= 1
            self._throttle.end(what, was_correct=is_right)
        return self._issue_token(role) if role and is_right else None

    def session_of(self, token: str) -> Session | None:
        """Who shows a token; None if nobody has it any more."""
        person = self._sessions.get(token)
        if person is not None and not person.is_active:
            self.log_out(token)
            return None
        return person

    def log_out(self, token: str) -> None:
        """Forget a token; whatever is open for it ends."""
        person = self._sessions.pop(token, None)
        if person is not None:
            person.end()

    def _check(self, role: Role | None, password: str) -> bool:
        try:
            self._hasher.verify(self._decoy_hash if role is None else self._hashes[role], password)
        except VerificationError:
            return False
        return role is not None

    def _issue_token(self, role: Role) -> SessionToken:
        token = SessionToken(secrets.token_urlsafe(32), SESSION_LIFETIME_S)
        self._sessions[token.value] = Session(role, token.lifetime_s, self._clock)
        # Who may only look cannot send those away who act, however often they log in.
        same = [text for text, person in self._sessions.items() if person.role == role]
        if len(same) > MAX_SESSIONS_PER_ROLE:
            self.log_out(same[0])
        return token
