"""Long lists, a page at a time, so that each document comes exactly once.

The lists go by a time of which the database has an index. Many documents can have the same time, and
the index has no more to tell them apart; within one time they go by their ids.
"""

import base64
from datetime import datetime
from typing import Any, NamedTuple

import bson
from bson import ObjectId
from bson.errors import BSONError

from monitor.queries.database import QueryDatabase

MAX_CURSOR_LENGTH = 1500
KINDS: dict[str, tuple[type, ...]] = {"t": (datetime,), "i": (str, ObjectId)}
Document = dict[str, Any]


class PageCursor(NamedTuple):
    """Where a page ended: the time and the id of its last document."""

    at: datetime
    name: str | ObjectId | None

    def __str__(self) -> str:
        """Write it for those who ask for the next page: nothing that they need to understand."""
        return base64.urlsafe_b64encode(bson.encode({"t": self.at, "i": self.name})).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "PageCursor":
        """Read what was written; a ValueError says that it was not written here."""
        if len(text) > MAX_CURSOR_LENGTH or not text.isascii():
            raise ValueError("too long, or not ASCII")
        try:
            written = bson.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (BSONError, RecursionError) as error:
            raise ValueError("no document") from error
        # As an id, a document or a pattern would mean something in a query.
        kinds = [(name, isinstance(value, KINDS.get(name, ()))) for name, value in written.items()]
        if sorted(kinds) != [("i", True), ("t", True)]:
            raise ValueError("another document")
        return cls(written["t"], written["i"])


class ResultPage(NamedTuple):
    """A part of a list, and where it ended; None if nothing comes after it."""

    documents: list[Document]
    end: PageCursor | None


class TimeOrderedList:
    """Documents by one of their times. All methods raise QueryError when the database does not answer.

    There is an index of the time. A document without it is in no list.
    """

    def __init__(self, database: QueryDatabase, name: str, field: str) -> None:
        self._database = database
        self._name = name
        self._field = field

    async def page(self, wanted: Document, limit: int, after: PageCursor | None = None) -> ResultPage:
        """Look up a page, the newest first, that begins after the end of the page before."""
        given: list[Document] = []
        rest: Document = {self._field: {"$type": "date"}}
        if after is not None:
            given = await self._at(wanted, after, limit + 1)
            if len(given) > limit:
                return self._cut(given[:limit])
            rest = {self._field: {"$lt": after.at}}
        room = limit - len(given)
        conditions = {"$and": [wanted, rest]}
        following = await self._database.find(
            self._name, conditions, sort=[(self._field, -1)], limit=room + 1
        )
        if len(following) <= room:
            return ResultPage(given + following, None)
        if room == 0:
            return self._cut(given)
        # The page ends among documents of one time, of which the index gave out any: take them by id.
        last = following[room - 1][self._field]
        whole = [each for each in following[:room] if each[self._field] != last]
        cut = await self._at(wanted, PageCursor(last, None), room - len(whole))
        return self._cut(given + whole + cut)

    async def sorted_page(self, wanted: Document, limit: int, after: PageCursor | None = None) -> ResultPage:
        """The same for a few documents that another index finds and the server sorts."""
        conditions = [wanted, {self._field: {"$type": "date"}}]
        if after is not None:
            conditions.append({"$or": [{self._field: {"$lt": after.at}}, self._behind(after)]})
        documents = await self._newest(conditions, limit + 1)
        return ResultPage(documents, None) if len(documents) <= limit else self._cut(documents[:limit])

    async def _at(self, wanted: Document, mark: PageCursor, limit: int) -> list[Document]:
        """Documents of the mark's time, the last id first, after the mark's id if it has one."""
        return await self._newest([wanted, self._behind(mark)], limit)

    def _behind(self, mark: PageCursor) -> Document:
        # The time is named first, so that it is not looked up in the index of ids. `$expr` compares ids of
        # all types, which a plain condition would not.
        ids = {} if mark.name is None else {"$expr": {"$lt": ["$_id", {"$literal": mark.name}]}}
        return {self._field: mark.at, **ids}

    async def _newest(self, conditions: list[Document], limit: int) -> list[Document]:
        order = [(self._field, -1), ("_id", -1)]
        return await self._database.find(self._name, {"$and": conditions}, sort=order, limit=limit)

    def _cut(self, documents: list[Document]) -> ResultPage:
        return ResultPage(
            documents, PageCursor(documents[-1][self._field], documents[-1]["_id"]) if documents else None
        )
