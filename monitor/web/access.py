"""Who may come in, and what they may do: two users, each with a password."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Literal, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

Role = Literal["viewer", "operator"]
STAY_S = 12 * 3600
WRONG_PAUSE_S = 1.0
MOST_WAITING = 20
MOST_TOKENS = 10_000


class Person(NamedTuple):
    """Somebody who has logged in.

    Attributes:
        role: ``viewer`` may look, ``operator`` may also acknowledge, shelve and repair.
        until: When they have to log in again, on this process's monotonic clock, seconds.
    """

    role: Role
    until: float

    @property
    def may_act(self) -> bool:
        """Whether they may do more than look, and still may."""
        return self.role == "operator" and time.monotonic() < self.until


class BusyError(Exception):
    """Raised when too many try to log in at once."""


@dataclass(frozen=True, slots=True)
class Token:
    """What somebody shows after they have logged in.

    Attributes:
        text: The token itself: chance, which only this process knows.
        stay_s: For how long it is good, seconds.
    """

    text: str
    stay_s: int = STAY_S


class Access:
    """Checks passwords, hands out tokens and knows whose they are.

    Passwords are kept as Argon2 hashes only. Tokens live in memory: after a restart everybody logs in again.
    Passwords are tried one after the other and a wrong one costs a second, so that guessing is slow.

    Args:
        passwords: The password of each user.
    """

    def __init__(self, passwords: dict[Role, str]) -> None:
        self._hasher = PasswordHasher()
        self._hashes = {role: self._hasher.hash(password) for role, password in passwords.items()}
        # What a name that does not exist is checked against, so that it takes as long as one that does.
        self._nobody = self._hasher.hash(secrets.token_hex())
        self._people: dict[str, Person] = {}
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def log_in(self, user: str, password: str) -> Token | None:
        """Check a password.

        Returns:
            A token; None if user or password are wrong.

        Raises:
            BusyError: Too many are being checked.
        """
        if self._waiting >= MOST_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                role = await asyncio.to_thread(self._check, user, password)
                if role is None:
                    await asyncio.sleep(WRONG_PAUSE_S)
                    return None
        finally:
            self._waiting -= 1
        return self._hand_out(role)

    def whose(self, token: str) -> Person | None:
        """Who shows a token; None if nobody has it any more."""
        person = self._people.get(token)
        if person is not None and time.monotonic() >= person.until:
            self.log_out(token)
            return None
        return person

    def log_out(self, token: str) -> None:
        """Forget a token."""
        self._people.pop(token, None)

    def _check(self, user: str, password: str) -> Role | None:
        role = next((each for each in self._hashes if each == user), None)
        try:
            self._hasher.verify(self._nobody if role is None else self._hashes[role], password)
        except VerificationError:
            return None
        return role

    def _hand_out(self, role: Role) -> Token:
        token = Token(secrets.token_urlsafe(32))
        self._people[token.text] = Person(role, time.monotonic() + token.stay_s)
        if len(self._people) > MOST_TOKENS:
            del self._people[next(iter(self._people))]
        return token
