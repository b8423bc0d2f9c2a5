"""Documents that are what they should be: people can change them by hand, past the database's own check."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar, cast, get_args, get_type_hints

from ingestor.documents import AlarmDocument, Measure, RejectedDocument

D = TypeVar("D")

logger = logging.getLogger(__name__)


class DocumentCheck(Generic[D]):
    """What documents of one kind have in their fields.

    Args:
        kind: How they are described.
        name: For people.
    """

    def __init__(self, kind: type[D], name: str) -> None:
        self._name: str = name
        self._required: frozenset[str] = vars(kind)["__required_keys__"]
        # MongoDB gives a whole number back as an integer.
        self._types: dict[str, Any] = {
            field: hint | int if float in {hint, *get_args(hint)} else hint
            for field, hint in get_type_hints(kind).items()
        }
        self._has_told = False

    def valid(self, documents: Iterable[Mapping[str, Any]]) -> list[D]:
        """Leave out those that are something else, and say so once: a page would fail on them."""
        found = [*documents]
        fitting = [cast("D", each) for each in found if self._fits(each)]
        if len(fitting) < len(found) and not self._has_told:
            self._has_told = True
            logger.warning("Some %s cannot be read; they are left out", self._name)
        return fitting

    def _fits(self, document: Mapping[str, Any]) -> bool:
        return self._required <= document.keys() and all(
            isinstance(document[field], kind) for field, kind in self._types.items() if field in document
        )


ALARMS = DocumentCheck(AlarmDocument, "alarms")
MEASURES = DocumentCheck(Measure, "readings")
REJECTED = DocumentCheck(RejectedDocument, "rejected payloads")
