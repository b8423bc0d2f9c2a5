"""What a fault point is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from unittest.mock import _patch


@dataclass(frozen=True, slots=True)
class Point:
    """A place of the product at which a test puts a fault in.

    Attributes:
        owner: A module, a class or a function.
        name: What the place is called there today.
    """

    owner: object
    name: str

    def replace(self, with_: object) -> "_patch[object]":
        """Put something else there: in a ``with``, as a decorator, or by ``start`` until the process ends."""
        return patch.object(self.owner, self.name, with_)

    @property
    def original(self) -> Any:  # noqa: ANN401 - whatever the product has there
        """What is there now."""
        return getattr(self.owner, self.name)
