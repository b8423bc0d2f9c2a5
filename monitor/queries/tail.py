"""New readings, as they are stored."""

from ingestor.documents import Measure
from monitor.queries.database import QueryDatabase

LOOK_BACK = 2000
OVERLAP = 100
BATCH = 200


class ReadingTail:
    """Gives out each stored reading once, in the order of storing, beginning with the first call.

    Reads the collection from its end, which needs no index: the natural order is that of insertion.
    """

    def __init__(self, database: QueryDatabase) -> None:
        self._database = database
        self._seen: dict[str, None] | None = None

    async def new(self) -> list[Measure]:
        """What was stored since the last call, oldest first, at most 2000."""
        newest = await self._read_back()
        known = self._seen
        self._seen = dict.fromkeys([*(known or ()), *(each["_id"] for each in newest)][-2 * LOOK_BACK :])
        return [] if known is None else newest

    async def _read_back(self) -> list[Measure]:
        found: list[Measure] = []
        overlap = 0
        order = [("$natural", -1)]
        newest_first = self._database.stream("measures", {}, sort=order, limit=LOOK_BACK, batch_size=BATCH)
        async for document in newest_first:
            if self._seen is not None and document["_id"] in self._seen:
                # Writers side by side can be seen slightly out of order: look a little further.
                overlap += 1
                if overlap == OVERLAP:
                    break
            else:
                found.append(document)
        return found[::-1]
