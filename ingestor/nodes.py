"""What nodes say of themselves, or the broker in their place, and for which sensors that counts.

A status costs the same however many sensors it names: nothing here goes through the sensors of a node. Who
asks which node a sensor has gets the answer from the number in its name.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from broker.messages import NodeStatus
from broker.topics import SensorKey
from ingestor.documents import SensorDocument
from ingestor.receive.register import Register

# Nodes of which no reading has come yet; the oldest are forgotten, and say again that they are there.
MAX_UNHEARD = 50_000

# A site, what names begin with, and how many digits the first number has.
_Series = tuple[str, str, int]


@dataclass(slots=True)
class Node:
    """One node, which has the name of its first sensor.

    Attributes:
        key: Its site and its name.
        is_gone: Whether it, or the broker in its place, said last that it is offline.
        sensors: How many sensors it says it has.
        changed_s: When it went, or came back, monotonic seconds; 0.0 if it has done neither.
    """

    key: SensorKey
    is_gone: bool = False
    sensors: int = 1
    changed_s: float = 0.0

    @property
    def status(self) -> Literal["online", "offline"]:
        """As documents have it."""
        return "offline" if self.is_gone else "online"


class Nodes:
    """The nodes that have said something.

    Args:
        register: Says who speaks for nobody else.

    Attributes:
        unwritten: The nodes whose state has changed since it was last written, those first that wait longest.
        is_resumed: Whether what earlier processes knew is in here.
    """

    def __init__(self, register: Register | None = None) -> None:
        self._register = register or Register()
        self._nodes: dict[SensorKey, Node] = {}
        self._unheard: OrderedDict[SensorKey, Node] = OrderedDict()
        # By series the numbers of the nodes that have more than one sensor, and their names.
        self._numbers: dict[_Series, list[tuple[int, str]]] = {}
        self.unwritten: dict[SensorKey, None] = {}
        self.is_resumed = False

    def on_status(self, key: SensorKey, status: NodeStatus | None, now_s: float, *, is_sensor: bool) -> None:
        """Note what a node says.

        Args:
            key: Of the node.
            status: What it says; None when nobody is to know it any more.
            now_s: Monotonic seconds.
            is_sensor: Whether something has come of a sensor of this name.
        """
        if status is None:
            self._forget(key)
            return
        node, is_gone = self._nodes.get(key), status.state == "offline"
        if node is None:
            node = self._unheard.pop(key, None)
            has_changed = node is None or is_sensor
            node = self._add(key, node or Node(key), is_sensor=is_sensor)
        else:
            has_changed = node.is_gone != is_gone
        if node.is_gone != is_gone:
            node.is_gone, node.changed_s = is_gone, now_s
        self._count(node, status.sensors or node.sensors)
        if has_changed and is_sensor:
            self.unwritten[key] = None

    def resume(self, known: Iterable[SensorDocument]) -> None:
        """Take up what an earlier process wrote down of sensors: their nodes, and how these were."""
        for each in known:
            if "node_id" not in each or "status" not in each:
                continue
            key, name = SensorKey(each["site"], each["node_id"]), each["sensor_id"]
            node = self._nodes.get(key)
            if node is None:
                node = self._add(key, Node(key, each["status"] == "offline"), is_sensor=True)
            (_, stem, _), first = _series(key)
            number = name.removeprefix(stem)
            if key.name != name != number and number.isdecimal():
                self._count(node, max(node.sensors, int(number) - first + 1))
        self.is_resumed = True

    def find(self, key: SensorKey) -> Node | None:
        """The node of this name."""
        return self._nodes.get(key) or self._unheard.get(key)

    def has_others(self, node: Node) -> bool:
        """Whether a node has more sensors than its own."""
        return node.sensors > 1 and self._register.may_speak_for_others(node.key.name)

    def of_sensor(self, sensor: SensorKey) -> Node | None:
        """The node that speaks for a sensor: its own, else one of its site that names it."""
        own = self.find(sensor)
        if own is not None or not self._register.may_speak_for_others(sensor.name):
            return own
        return self._naming(sensor)

    def _naming(self, sensor: SensorKey) -> Node | None:
        """The node that names a sensor as one of those after its own; of several, the nearest."""
        stem = sensor.name.rstrip("0123456789")
        digits = sensor.name[len(stem) :]
        # Only what is padded with zeros tells how long the first number was.
        widths = range(len(digits) if digits.startswith("0") else 1, len(digits) + 1)
        nearest, found = -1, None
        for width in widths:
            numbers = self._numbers.get((sensor.site, stem, width), ())
            position = bisect_left(numbers, (int(digits), ""))
            first, name = numbers[position - 1] if position else (-1, "")
            node = self.find(SensorKey(sensor.site, name))
            is_named = node is not None and int(digits) < first + node.sensors
            if node is not None and is_named and first > nearest and self.has_others(node):
                nearest, found = first, node
        return found

    def _add(self, key: SensorKey, node: Node, *, is_sensor: bool) -> Node:
        if is_sensor:
            self._nodes[key] = node
            return node
        self._unheard[key] = node
        if len(self._unheard) > MAX_UNHEARD:
            self._forget(next(iter(self._unheard)))
        return node

    def _count(self, node: Node, sensors: int) -> None:
        """Note how many sensors a node has; those of a great many are not gone through."""
        had_others, node.sensors = node.sensors > 1, sensors
        if had_others == (sensors > 1):
            return
        series, number = _series(node.key)
        numbers, own = self._numbers.setdefault(series, []), (number, node.key.name)
        if had_others:
            del numbers[bisect_left(numbers, own)]
        else:
            insort(numbers, own)

    def _forget(self, key: SensorKey) -> None:
        node = self._nodes.pop(key, None) or self._unheard.pop(key, None)
        if node is not None:
            self._count(node, 1)
            if not self._numbers.get(series := _series(key)[0], True):
                del self._numbers[series]


def _series(key: SensorKey) -> tuple[_Series, int]:
    """Which names follow a node's own, as ``numbered_sensor_ids`` counts, and the number of its own."""
    stem = key.name.rstrip("0123456789")
    digits = key.name[len(stem) :]
    return ((key.site, stem, len(digits)), int(digits)) if digits else ((key.site, f"{stem}-", 1), 1)
