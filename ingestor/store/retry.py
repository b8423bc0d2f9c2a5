"""Repeat an operation until the database answers. Every operation here is safe to repeat.

The ingestor never exits because the database is away: it waits, acknowledges nothing meanwhile, and logs
that once.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from pymongo.errors import OperationFailure, PyMongoError

from broker.program.backoff import Backoff

MAX_DELAY_S = 30.0
CREDENTIAL_ERRORS = frozenset({13, 18})  # Unauthorized, AuthenticationFailed

T = TypeVar("T")
P = ParamSpec("P")
logger = logging.getLogger(__name__)


class StoreRejectedError(Exception):
    """Raised when MongoDB does not take the user and password, or does not let the user do this."""


class Retry:
    """Repeats operations, and knows whether one is waiting for an answer."""

    def __init__(self) -> None:
        self._failing = 0
        self._unanswered_since = 0.0
        self._was_there = False

    @property
    def is_answered(self) -> bool:
        """Whether the database was there and nothing that speaks up waits for it."""
        return self._was_there and self._failing == 0

    async def __call__(self, operation: Callable[[], Awaitable[T]], *, aloud: bool = True) -> T:
        """Repeat an operation until the database answers, with jittered delays of up to 30 s.

        Args:
            operation: Safe to repeat.
            aloud: Log once that the database is away, and once that it is back. Work in the background
                waits without a word.

        Raises:
            StoreRejectedError: At the first contact, the database does not let the user do this.
        """
        backoff, is_reported = Backoff(max_s=MAX_DELAY_S), False
        try:
            while True:
                try:
                    result = await operation()
                except PyMongoError as error:
                    if aloud and not is_reported:
                        self._lost(error)
                        is_reported = True
                    await backoff.wait()
                else:
                    self._was_there = True
                    if is_reported:
                        self._found()
                        is_reported = False
                    return result
        finally:
            if is_reported:
                self._failing -= 1  # given up from outside

    def _lost(self, error: PyMongoError) -> None:
        if isinstance(error, OperationFailure) and error.code in CREDENTIAL_ERRORS and not self._was_there:
            check = "check the MongoDB URL's user and password"
            raise StoreRejectedError(
                f"MongoDB does not let this user in ({short_message(error)}); {check}"
            ) from error
        if self._failing == 0:
            self._unanswered_since = time.monotonic()
            logger.warning("MongoDB does not answer (%s); trying until it does.", short_message(error))
        self._failing += 1

    def _found(self) -> None:
        self._failing -= 1
        if self._failing == 0:
            logger.warning("MongoDB answers again after %.0f s.", time.monotonic() - self._unanswered_since)


class HasRetry(Protocol):
    """A class whose methods may be ``retried``."""

    retry: Retry


S = TypeVar("S", bound=HasRetry)
Method = Callable[Concatenate[S, P], Coroutine[Any, Any, T]]


def retried(*, aloud: bool) -> Callable[[Method[S, P, T]], Method[S, P, T]]:
    """Have a method repeated until the database answers, as ``Retry`` does; ``aloud`` as there."""

    def decorate(method: Method[S, P, T]) -> Method[S, P, T]:
        @wraps(method)
        async def repeated(self: S, /, *args: P.args, **options: P.kwargs) -> T:
            return await self.retry(lambda: method(self, *args, **options), aloud=aloud)

        return repeated

    return decorate


def short_message(error: PyMongoError) -> str:
    """The first part of what pymongo says; the rest is its view of the topology."""
    return str(error).split(",", maxsplit=1)[0].split(" (configured timeouts", maxsplit=1)[0][:200]
