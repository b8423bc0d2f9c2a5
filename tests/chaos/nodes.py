"""The sensor nodes of a system that is harmed; all keep ledgers."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.processes import Process

METERS_PER_NODE = 10

# A kind of node, and the build that it is. A plain device has no outbox: it trusts the broker.
KINDS: dict[str, tuple[str, ...]] = {
    "durable": ("sensor_node",),
    "memory": ("sensor_node",),
    "plain": ("tests.chaos.build", "sensor_node", "--mutant", "no-outbox", "--"),
    "shouting": ("tests.chaos.build", "sensor_node", "--mutant", "at-most-once", "--"),
}


@dataclass(slots=True)
class Node:
    """One sensor node with ten meters."""

    process: Process
    ledger: Path

    def has_tried(self) -> bool:
        """Whether it has made a reading."""
        return self.ledger.exists() and self.ledger.stat().st_size > 0

    def lines(self) -> list[bytes]:
        """Its ledger, but for a last line that it may be writing."""
        return self.ledger.read_bytes().split(b"\n")[:-1]


def describe_node(
    kind: str,
    name: str,
    site: str,
    folder: Path,
    url: str,
    interval: str,
    options: Sequence[str],
    build: Sequence[str],
) -> Node:
    """Describe a node with ten meters.

    Args:
        kind: One of ``KINDS``.
        name: Of its first meter.
        site: Where.
        folder: For its ledger, outbox and log.
        url: Of the broker.
        interval: Between two readings of a meter.
        options: More of its options.
        build: Another build than the kind's.
    """
    ledger = folder / f"{name}.jsonl"
    outbox = ["--outbox", str(folder / f"{name}.db")] if kind == "durable" else []
    arguments = ["--site", site, "--sensor-id", name, "--count", str(METERS_PER_NODE)]
    arguments += ["--interval", interval, "--ledger", str(ledger), *outbox, *options]
    command = [sys.executable, "-m", *(build or KINDS[kind]), *arguments]
    return Node(Process(name, command, {"ENERGY_MQTT_URL": url}, folder / f"{name}.log"), ledger)
