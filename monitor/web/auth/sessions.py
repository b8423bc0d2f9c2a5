"""The two users, their passwords and their sessions."""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from starlette.exceptions import HTTPException

from monitor.web.auth.check_queue import CheckQueue, Lane, QueueFullError
from monitor.web.auth.login_throttle import LoginAttempt, LoginThrottle

Role = Literal["viewer", "operator"]
Clock = Callable[[], float]
SESSION_LIFETIME_S = 12 * 3600
RETRY_WHEN_BUSY_S = 10
MAX_SESSIONS_PER_ROLE = 5_000


class Session:
    """A session, from log-in until log-out or expiry.

    A viewer may read, an operator may also acknowledge, mute, repair and change settings.
    """

    def __init__(self, role: Role, clock: Clock = time.monotonic) -> None:
        self.role = role
        self._clock = clock
        self._expires_at = clock() + SESSION_LIFETIME_S
        self._ended = asyncio.Event()

    @property
    def is_active(self) -> bool:
        """Whether it has neither ended nor expired."""
        return not self._ended.is_set() and self._clock() < self._expires_at

    @property
    def may_operate(self) -> bool:
        """Whether it may make changes now."""
        return self.role == "operator" and self.is_active

    def end(self) -> None:
        """End it."""
        self._ended.set()

    async def ended(self) -> None:
        """Wait until it has ended or expired."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._expires_at - self._clock()):
                await self._ended.wait()
        # The event loop may wake up a moment too early.
        self.end()


class LoginThrottledError(HTTPException):
    """Raised when a password may not be tried yet; says why, and how long to wait."""

    def __init__(self, reason: str, wait_s: int) -> None:
        super().__init__(429, f"{reason}; try again in {wait_s} s", {"Retry-After": str(wait_s)})


def _raise_if_early(wait_s: float) -> None:
    if wait_s > 0:
        raise LoginThrottledError("Too many wrong passwords", math.ceil(wait_s))


class Authenticator:
    """Checks passwords, issues tokens and finds their sessions.

    Passwords are kept as Argon2 hashes only. The token of a session is 256 random bits as text, which only
    this process and the client know. Sessions live in memory: after a restart everybody logs in
    again. Passwords are checked one at a time, and wrong ones cost ever more time.
    """

    def __init__(self, passwords: dict[Role, str], clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._hasher = PasswordHasher()
        self._hashes = {role: self._hasher.hash(password) for role, password in passwords.items()}
        # Checked for unknown users, so that they take as long as known ones.
        self._decoy_hash = self._hasher.hash(secrets.token_hex())
        self._sessions: dict[str, Session] = {}
        self._throttle = LoginThrottle(clock)
        self._queue = CheckQueue()

    async def log_in(self, user: str, password: str, address: str, *shown: str) -> str | None:
        """Check a password and issue a token; None if user or password are wrong.

        Args:
            user: Who it is said to be.
            password: What is checked.
            address: Where the client is.
            shown: Tokens that the client has, from now or from before.

        Raises:
            LoginThrottledError: Too many wrong passwords, or too many checks at once.
        """
        role = next((each for each in self._hashes if each == user), None)
        attempt, lane = self._classify(role, address, shown)
        is_correct = False
        # Who has to wait anyway takes no place in the queue.
        _raise_if_early(self._throttle.wait_s(attempt))
        try:
            async with self._queue.turn(lane, attempt):
                _raise_if_early(self._throttle.begin(attempt))
                expected = self._hashes[role] if role else self._decoy_hash
                try:
                    is_correct = await asyncio.to_thread(self._matches, expected, password)
                finally:
                    self._throttle.end(attempt, was_correct=is_correct)
        except QueueFullError:
            raise LoginThrottledError("Too many people are logging in", RETRY_WHEN_BUSY_S) from None
        return self._issue_token(role) if role and is_correct else None

    def session_of(self, token: str) -> Session | None:
        """The active session of a token, if any."""
        session = self._sessions.get(token)
        if session is not None and not session.is_active:
            self.log_out(token)
            return None
        return session

    def log_out(self, token: str) -> None:
        """End the session of a token, if any; its open pages end with it."""
        session = self._sessions.pop(token, None)
        if session is not None:
            session.end()

    def _classify(self, role: Role | None, address: str, shown: Sequence[str]) -> tuple[LoginAttempt, Lane]:
        """What an attempt is counted as, and in which lane it waits."""
        for token in shown:
            attempt = LoginAttempt(role or "", token)
            if role and self._throttle.is_familiar(attempt):
                return attempt, Lane(is_known=True, is_operator=role == "operator")
        attempt = LoginAttempt.of(role or "", address)
        is_known = self._throttle.is_familiar(attempt)
        return attempt, Lane(is_known=is_known, is_operator=role == "operator")

    def _matches(self, expected: str, password: str) -> bool:
        with contextlib.suppress(VerificationError):
            return self._hasher.verify(expected, password)
        return False

    def _issue_token(self, role: Role) -> str:
        token = secrets.token_urlsafe(32)
        self._sessions[token] = Session(role, self._clock)
        self._throttle.remember(LoginAttempt(role, token))
        # Counted by role: viewers who log in again and again cannot log operators out.
        same_role = [each for each, session in self._sessions.items() if session.role == role]
        if len(same_role) > MAX_SESSIONS_PER_ROLE:
            self.log_out(same_role[0])
        return token
