"""What is known of each sensor: its readings' first and last time, its location, its node's state.

Gathered while readings and statuses pass and written once a second, so that the path of a reading stays free
of it; of a great many sensors and nodes only some each time, in turn, so that their number costs no more. All
updates are minima, maxima and settings: writing one twice changes nothing. Only readings make sensors.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from pymongo import UpdateMany, UpdateOne

from broker.topics import SensorKey
from ingestor.documents import Measure
from ingestor.nodes import Node, Nodes
from ingestor.receive.register import Register
from ingestor.receive.token_bucket import TokenBuckets

# Sensors of which the nodes of one site may change the state: at once, and each second from then on.
NAMED_AT_ONCE = 100_000
NAMED_PER_S = 5_000


@dataclass(slots=True)
class _SensorNews:
    site: str
    location: str | None
    first: datetime
    last: datetime
    noted_at: datetime


class SensorUpdates:
    """The news of sensors that are not written yet.

    Args:
        nodes: What nodes say; None for those that nobody else knows.
        register: The sensors that are users of the broker.

    Attributes:
        nodes: The same.
    """

    def __init__(self, nodes: Nodes | None = None, register: Register | None = None) -> None:
        self.nodes = nodes or Nodes()
        self._register = register or Register()
        self._seen: dict[str, _SensorNews] = {}
        self._being_written: datetime | None = None
        self._named = TokenBuckets(NAMED_PER_S, NAMED_AT_ONCE)

    @property
    def unwritten_since(self) -> datetime | None:
        """When the oldest reading came that is not written down as its sensor's last; None if none."""
        oldest = next(iter(self._seen.values()), None)
        return self._being_written or (oldest.noted_at if oldest else None)

    def __len__(self) -> int:
        """How many sensors and nodes wait to be written."""
        return len(self._seen) + len(self.nodes.unwritten)

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

    def take(self, limit: int | None = None) -> list[UpdateOne | UpdateMany]:
        """Take out the updates to be written, in any order; ``on_written`` is to be told when they are.

        Args:
            limit: Of how many sensors, and of how many nodes, those first that wait longest; None for all.
        """
        self._being_written = self.unwritten_since
        due = list(islice(self._seen, limit))
        sensors = [self._update(sensor_id, self._seen.pop(sensor_id)) for sensor_id in due]
        return [*sensors, *self._node_updates(limit)]

    def on_written(self) -> None:
        """Note that what was taken out is written."""
        self._being_written = None

    def _node_updates(self, limit: int | None) -> Iterator[UpdateMany]:
        """The new states of nodes: the newest of each, in one update for all of a site and a state."""
        names: dict[tuple[str, str], list[str]] = {}
        unwritten = self.nodes.unwritten
        for key in list(islice(unwritten, limit)):
            del unwritten[key]
            if (node := self.nodes.find(key)) is None:
                continue
            names.setdefault((key.site, node.status), []).append(key.name)
            if self.nodes.has_others(node):
                if limit is None or self._named.take(key.site, node.sensors):
                    yield UpdateMany({"node_id": key.name, "site": key.site}, _set({"status": node.status}))
                else:
                    unwritten[key] = None  # later, as it is then
        for (site, status), own in names.items():
            change = [_set({"node_id": "$sensor_id", "status": status})]
            yield UpdateMany({"sensor_id": {"$in": own}, "site": site}, change)

    def _update(self, sensor_id: str, seen: _SensorNews) -> UpdateOne:
        known: dict[str, Any] = {
            "_id": {"$ifNull": ["$_id", sensor_id]},
            "site": self._site(sensor_id, seen),
            "first_reading": {"$min": ["$first_reading", seen.first]},
            "last_reading": {"$max": ["$last_reading", seen.last]},
        }
        if seen.location is not None:
            # Else a text that begins with $ would be a field.
            known["location"] = {"$literal": seen.location}
        if self.nodes.is_resumed:
            known |= _state(self.nodes.of_sensor(SensorKey(seen.site, sensor_id)))
        return UpdateOne({"sensor_id": sensor_id}, [_set(known)], upsert=True)

    def _site(self, sensor_id: str, seen: _SensorNews) -> dict[str, Any]:
        registered = self._register.sites.get(sensor_id)
        if registered is None:
            # Its first reading says where it belongs; then only people move it.
            return {"$ifNull": ["$site", seen.site]}
        # Perhaps somebody else spoke first in its name, before it was registered.
        return {"$cond": [{"$gt": ["$moved_at", None]}, "$site", registered]}


def _state(node: Node | None) -> dict[str, str]:
    """What a sensor's document has of its node; nothing if no node speaks for it."""
    if node is None:
        return {"node_id": "$$REMOVE", "status": "$$REMOVE"}
    return {"node_id": node.key.name, "status": node.status}


def _set(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"$set": fields}
