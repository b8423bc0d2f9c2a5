"""Alarms that stand or stood, and what is shelved."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Literal, NamedTuple

from ingestor.documents import AlarmDocument, utc_now
from monitor.queries.database import Database, TimeRange, open_database, ping, querying
from monitor.queries.document_checks import ALARMS
from monitor.queries.paging import PageCursor, ResultPage, TimeOrderedList

LAST_ENDED = 50
NULL = {"$type": "null"}  # what the indexes of that which stands ask for
# The same as `ingestor.alarms.episode.stands`, as a query, and its opposite.
ACTIVE = {"retracted_at": NULL, "$or": [{"cleared_at": NULL}, {"waits": True, "acknowledged_at": NULL}]}
ENDED = {"$nor": [ACTIVE]}
AlarmSelection = Literal["standing", "past", "all"]
SELECTIONS: dict[AlarmSelection, dict[str, Any]] = {"standing": ACTIVE, "past": ENDED, "all": {}}


def is_active(alarm: Mapping[str, Any]) -> bool:
    """Whether an alarm stands: the same as ``ACTIVE``, of one document."""

    def is_null(field: str) -> bool:
        return field in alarm and alarm[field] is None

    waits = alarm.get("waits") is True and is_null("acknowledged_at")
    return is_null("retracted_at") and (is_null("cleared_at") or waits)


class SensorShelving(NamedTuple):
    """What is known of a sensor that somebody names.

    Attributes:
        site: Where it is; None as long as nothing has come from it.
        shelved: Until when (UTC, naive) each rule is shelved that is.
    """

    site: str | None
    shelved: Mapping[str, datetime]


class AlarmFilter(NamedTuple):
    """Which alarms; what is not given does not matter."""

    sites: Sequence[str] = ()
    sensor_id: str | None = None
    rule: str | None = None
    severity: str | None = None

    @property
    def query(self) -> dict[str, Any]:
        """The condition."""
        fields = {"sensor_id": self.sensor_id, "rule": self.rule, "severity": self.severity}
        return {**_of(self.sites), **{name: value for name, value in fields.items() if value}}


ANY = AlarmFilter()


@asynccontextmanager
async def open_alarm_queries(url: str) -> AsyncIterator["AlarmQueries"]:
    """Open a database for looking at its alarms.

    Raises:
        QueryError: The database does not answer.
    """
    async with open_database(url) as database:
        await ping(database)
        yield AlarmQueries(database)


class AlarmQueries:
    """Alarms that stand or stood, and what is shelved."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self, sites: Sequence[str]) -> list[AlarmDocument]:
        """All alarms that stand, of some sites or of all if none is named.

        Raises:
            QueryError: The database does not answer.
        """
        return await self._list(self._database["alarms"].find({**ACTIVE, **_of(sites)}))

    async def ended(self, sites: Sequence[str]) -> list[AlarmDocument]:
        """The last 50 that have come to stand no more, of some sites or of all if none is named.

        Raises:
            QueryError: The database does not answer.
        """
        wanted = {**ENDED, **_of(sites)}
        return await self._list(
            self._database["alarms"].find(wanted).sort("changed_at", -1).limit(LAST_ENDED)
        )

    async def page(
        self, state: AlarmSelection, sought: AlarmFilter, limit: int, after: PageCursor | None = None
    ) -> ResultPage:
        """Alarms, those that changed last first.

        Args:
            state: Whether they stand.
            sought: Which ones.
            limit: How many at most.
            after: Where the page before ended.

        Raises:
            QueryError: The database does not answer.
        """
        wanted = {**SELECTIONS[state], **sought.query}
        changed = TimeOrderedList(self._database, "alarms", "changed_at")
        if state == "standing" or sought.sensor_id:
            # An index finds these few; that of the times would be gone through from end to end.
            return await changed.sorted_page(wanted, limit, after)
        return await changed.page(wanted, limit, after)

    async def overlapping(self, span: TimeRange, sites: Sequence[str] = ()) -> list[AlarmDocument]:
        """Alarms that changed last in a time, or later and began before its end: for a report.

        Raises:
            QueryError: The database does not answer.
        """
        wanted = {
            "changed_at": {"$gte": span.first},
            "since": {"$lt": span.end},
            "retracted_at": NULL,
            **_of(sites),
        }
        return await self._list(self._database["alarms"].find(wanted).sort("since", 1))

    async def by_ids(self, ids: Sequence[str]) -> dict[str, AlarmDocument]:
        """The alarms with these ids, as far as there are any.

        Raises:
            QueryError: The database does not answer.
        """
        found = await self._list(self._database["alarms"].find({"_id": {"$in": list(ids)}}))
        return {each["_id"]: each for each in found}

    async def sensor(self, sensor_id: str) -> SensorShelving | None:
        """Where a sensor is and what of it is shelved; None if nobody knows it.

        Raises:
            QueryError: The database does not answer.
        """
        with querying():
            document = await self._database["sensors"].find_one({"sensor_id": sensor_id})
        return None if document is None else SensorShelving(document.get("site"), _shelves(document))

    async def shelved(self) -> dict[tuple[str, str], datetime]:
        """Until when (UTC, naive) each rule of each sensor is shelved that is.

        Raises:
            QueryError: The database does not answer.
        """
        found = self._database["sensors"].find({"shelved": {"$gt": {}}}, ("sensor_id", "shelved"))
        with querying():
            return {
                (document["sensor_id"], rule): until
                async for document in found
                if isinstance(document.get("sensor_id"), str)
                for rule, until in _shelves(document).items()
            }

    @staticmethod
    async def _list(found: AsyncIterable[dict[str, Any]]) -> list[AlarmDocument]:
        with querying():
            return ALARMS.valid([document async for document in found])


def _of(sites: Sequence[str]) -> dict[str, Any]:
    return {"site": {"$in": list(sites)}} if sites else {}


def _shelves(document: Mapping[str, Any]) -> dict[str, datetime]:
    now = utc_now()
    shelves = document.get("shelved")
    if not isinstance(shelves, Mapping):
        return {}
    untils = {rule: shelf.get("until") for rule, shelf in shelves.items() if isinstance(shelf, Mapping)}
    return {rule: until for rule, until in untils.items() if isinstance(until, datetime) and until > now}
