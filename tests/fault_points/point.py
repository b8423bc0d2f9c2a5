"""A place of the product, and something else put there for a while."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch


@dataclass(frozen=True, slots=True)
class Point:
    """A place of the product at which a test puts a fault in."""

    owner: object
    name: str

    def replace(self, with_: object) -> AbstractContextManager[object]:
        """Have something else there for as long as the context lasts."""
        return patch.object(self.owner, self.name, with_)

    @property
    def original(self) -> Any:  # noqa: ANN401 - whatever the product has there
        """What is there; the product's own as long as nothing is put in its place."""
        return getattr(self.owner, self.name)
