"""The broker's register: which sensors are users of the broker, and at which site.

It is the file ``register.json`` of ``broker users``. Whoever is in it as a sensor speaks for itself only, and
belongs to the site that stands there.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import TypeAdapter

from broker.access.roles import Account
from broker.program.file_changes import FileChanges

_accounts = TypeAdapter(list[Account])
logger = logging.getLogger(__name__)


class RegisterError(Exception):
    """Raised when the register cannot be read; says why."""


class Register:
    """The sensors of the register, as it was when it could last be read.

    Args:
        file: Where it is; None if there is none. It is read at once.

    Attributes:
        sites: The site of each registered sensor, by sensor id.

    Raises:
        RegisterError: It cannot be read.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        # Before it is read, so that no change is missed.
        self._changes = FileChanges(file) if file else None
        self.sites: Mapping[str, str] = _read(file) if file else {}

    def may_speak_for_others(self, node: str) -> bool:
        """Whether a node may have sensors besides its own: without a register, none may."""
        return self._file is not None and node not in self.sites

    async def follow(self, on_change: Callable[[Mapping[str, str]], None]) -> None:
        """Read it again whenever it has changed, for ever; what cannot be read is said once.

        Args:
            on_change: Called with what the sites were before.
        """
        while self._file is not None and self._changes is not None:
            await self._changes.wait()
            try:
                after = await asyncio.to_thread(_read, self._file)
            except RegisterError as error:
                logger.warning("%s; what it said before stays in force.", error)
                continue
            before, self.sites = self.sites, after
            on_change(before)
            logger.info("%s has changed: %d sensors are registered.", self._file, len(after))


def _read(file: Path) -> dict[str, str]:
    try:
        accounts = _accounts.validate_json(file.read_bytes())
    except OSError as error:
        raise RegisterError(f"the register {file} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RegisterError(f"the register {file} is no list of users as `broker users` writes it") from error
    return {each.name: each.sites[0] for each in accounts if each.role == "sensor"}
