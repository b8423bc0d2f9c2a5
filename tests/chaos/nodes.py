"""The sensor nodes of a system that is harmed; all keep ledgers."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from broker.ledger import AttemptEntry, entry_adapter
from stack.processes import Process
from tests.preloaded import PreloadedProcess

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

    def attempts(self) -> list[AttemptEntry]:
        """What it tried so far, but for a line that was cut short."""
        found = []
        for line in self.ledger.read_bytes().splitlines():
            with contextlib.suppress(ValidationError):
                entry = entry_adapter.validate_json(line)
                if isinstance(entry, AttemptEntry):
                    found.append(entry)
        return found


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
    return Node(PreloadedProcess(name, command, {"ENERGY_MQTT_URL": url}, folder / f"{name}.log"), ledger)
