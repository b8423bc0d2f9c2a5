"""What is known of each sensor: its readings' first and last time, its location, its node's state.

Gathered while readings pass and written once a second, so that the path of a reading stays free of
it; of a great many sensors only some each time, in turn, so that their number costs no more. All
updates are minima, maxima and settings: writing one twice changes nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from pymongo import UpdateMany, UpdateOne

from broker.messages import NodeStatus, numbered_sensor_ids
from broker.topics import SensorKey
from ingestor.documents import Measure
from ingestor.receive.token_bucket import TokenBuckets

MAX_NODES = 100_000
# Sensors that one node may name: with its first words, and each second from then on.
NAMED_AT_ONCE = 100_000
NAMED_PER_S = 100


@dataclass(slots=True)
class _SensorNews:
    site: str
    location: str | None
    first: datetime
    last: datetime
    noted_at: datetime


class SensorUpdates:
    """The news of sensors that are not written yet."""

    def __init__(self) -> None:
        self._seen: dict[str, _SensorNews] = {}
        # With how many sensors: a node says every half minute that it is still there.
        self._online: dict[SensorKey, int] = {}
        self._statuses: list[UpdateOne | UpdateMany] = []
        self._being_written: datetime | None = None
        self._named = TokenBuckets(NAMED_PER_S, NAMED_AT_ONCE)

    @property
    def unwritten_since(self) -> datetime | None:
        """When the oldest reading came that is not written down as its sensor's last; None if none."""
        oldest = next(iter(self._seen.values()), None)
        return self._being_written or (oldest.noted_at if oldest else None)

    def on_stored(self, measures: Iterable[Measure]) -> None:
        """Note stored readings."""
        for measure in measures:
            at = measure["timestamp"]
            seen = self._seen.get(measure["sensor_id"])
            if seen is None:
                self._seen[measure["sensor_id"]] = _SensorNews(
                    measure["site"], measure["location"], at, at, measure["received_at"]
                )
            elif at >= seen.last:
                seen.last, seen.site, seen.location = at, measure["site"], measure["location"]
            elif at < seen.first:
                seen.first = at

    def on_status(self, key: SensorKey, status: NodeStatus, owns: Callable[[SensorKey], bool]) -> None:
        """Note that a node came or went. It names its sensors when it comes.

        Args:
            key: Of the node.
            status: What it says.
            owns: Whether a sensor may be of this site: a node speaks for no other's. Nor for one that is
                a node itself.
        """
        if status.state == "offline":
            self._online.pop(key, None)
            # A sensor that had no reading yet has no site.
            node = {"site": {"$in": [key.site, None]}, "node_id": key.name}
            self._statuses.append(UpdateMany(node, {"$set": {"status": "offline"}}))
            return
        count = status.sensors or 1
        if self._online.get(key) == count:
            return
        if len(self._online) >= MAX_NODES:
            self._online.clear()  # all are written again when they speak next
        if not self._named.take(f"{key.site}/{key.name}", count):
            return  # it says so again
        self._online[key] = count
        online = {"node_id": key.name, "status": "online"}
        self._statuses += [
            UpdateOne(
                {"sensor_id": sensor_id},
                {"$set": online, "$setOnInsert": {"_id": sensor_id}},
                upsert=True,
            )
            for sensor_id in numbered_sensor_ids(key.name, count)
            if sensor_id == key.name or self._may_speak_for(SensorKey(key.site, sensor_id), owns)
        ]

    def _may_speak_for(self, sensor: SensorKey, owns: Callable[[SensorKey], bool]) -> bool:
        # Counting up may make a name too long, under which nothing can come.
        return sensor.is_valid and sensor not in self._online and owns(sensor)

    def take(self, limit: int | None = None) -> list[UpdateOne | UpdateMany]:
        """Take out the updates to be written, in order; ``on_written`` is to be told when they are.

        Args:
            limit: Of how many sensors, those first that wait longest; None for all.
        """
        self._being_written = self.unwritten_since
        due = list(islice(self._seen, limit))
        updates = [_update(sensor_id, self._seen.pop(sensor_id)) for sensor_id in due] + self._statuses
        self._statuses = []
        return updates

    def on_written(self) -> None:
        """Note that what was taken out is written."""
        self._being_written = None


def _update(sensor_id: str, seen: _SensorNews) -> UpdateOne:
    known: dict[str, Any] = {
        "_id": {"$ifNull": ["$_id", sensor_id]},
        # Its first reading says where it belongs; then only people move it.
        "site": {"$ifNull": ["$site", seen.site]},
        "first_reading": {"$min": ["$first_reading", seen.first]},
        "last_reading": {"$max": ["$last_reading", seen.last]},
    }
    if seen.location is not None:
        # Else a text that begins with $ would be a field.
        known["location"] = {"$literal": seen.location}
    return UpdateOne({"sensor_id": sensor_id}, [{"$set": known}], upsert=True)
