"""Active and past alarms, and which rules are shelved."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from ingestor.documents import AlarmDocument, utc_now
from monitor.queries.database import Queries, TimeRange, at_sites
from monitor.queries.document_checks import ALARMS
from monitor.queries.paging import PageCursor, ResultPage, TimeOrderedList

LAST_ENDED = 50
NULL = {"$type": "null"}  # what the indexes of active alarms ask for
# The same as `ingestor.alarms.episode.stands`, as a query, and its opposite.
ACTIVE = {"retracted_at": NULL, "$or": [{"cleared_at": NULL}, {"waits": True, "acknowledged_at": NULL}]}
ENDED = {"$nor": [ACTIVE]}
AlarmSelection = Literal["standing", "past", "all"]
SELECTIONS: dict[AlarmSelection, dict[str, Any]] = {"standing": ACTIVE, "past": ENDED, "all": {}}


def is_active(alarm: Mapping[str, Any]) -> bool:
    """Whether an alarm is active: the same as ``ACTIVE``, of one document."""
    nulls = {field for field, value in alarm.items() if value is None}
    waits = alarm.get("waits") is True and "acknowledged_at" in nulls
    return "retracted_at" in nulls and ("cleared_at" in nulls or waits)


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
        return {**at_sites(self.sites), **{name: value for name, value in fields.items() if value}}


class AlarmQueries(Queries):
    """Active and past alarms, and which rules are shelved.

    Where sites can be named, none means all.
    """

    async def active(self, sites: Sequence[str]) -> list[AlarmDocument]:
        """All active alarms of some sites."""
        return ALARMS.valid(await self._database.find("alarms", {**ACTIVE, **at_sites(sites)}))

    async def ended(self, sites: Sequence[str]) -> list[AlarmDocument]:
        """The 50 alarms of some sites that ended last."""
        wanted, order = {**ENDED, **at_sites(sites)}, [("changed_at", -1)]
        return ALARMS.valid(await self._database.find("alarms", wanted, sort=order, limit=LAST_ENDED))

    async def page(
        self, state: AlarmSelection, sought: AlarmFilter, limit: int, after: PageCursor | None = None
    ) -> ResultPage:
        """Alarms, those that changed last first, after the end of the page before."""
        wanted = {**SELECTIONS[state], **sought.query}
        changed = TimeOrderedList(self._database, "alarms", "changed_at")
        if state == "standing" or sought.sensor_id:
            # An index finds these few; that of the times would be gone through from end to end.
            return await changed.sorted_page(wanted, limit, after)
        return await changed.page(wanted, limit, after)

    async def overlapping(self, span: TimeRange, sites: Sequence[str] = ()) -> list[AlarmDocument]:
        """Alarms that changed last in a time, or later and began before its end, and all active ones."""
        changed = {"changed_at": {"$gte": span.first}, "since": {"$lt": span.end}, "retracted_at": NULL}
        wanted = {**changed, **at_sites(sites)}
        found = ALARMS.valid(await self._database.find("alarms", wanted, sort=[("since", 1)]))
        return list({each["_id"]: each for each in (*found, *await self.active(sites))}.values())

    async def by_ids(self, ids: Sequence[str]) -> dict[str, AlarmDocument]:
        """The alarms with these ids, as far as there are any."""
        found = ALARMS.valid(await self._database.find("alarms", {"_id": {"$in": list(ids)}}))
        return {each["_id"]: each for each in found}

    async def shelved(self) -> dict[tuple[str, str], datetime]:
        """Until when (UTC, naive) each rule of each sensor is shelved that is."""
        wanted: dict[str, Any] = {"shelved": {"$gt": {}}}
        return {
            (document["sensor_id"], rule): until
            for document in await self._database.find("sensors", wanted, ("sensor_id", "shelved"))
            if isinstance(document.get("sensor_id"), str)
            for rule, until in shelved_rules(document).items()
        }


def shelved_rules(document: Mapping[str, Any]) -> dict[str, datetime]:
    """Until when (UTC, naive) each rule of one sensor is shelved that is."""
    now = utc_now()
    shelves = document.get("shelved")
    if not isinstance(shelves, Mapping):
        return {}
    untils = {rule: shelf.get("until") for rule, shelf in shelves.items() if isinstance(shelf, Mapping)}
    return {rule: until for rule, until in untils.items() if isinstance(until, datetime) and until > now}
