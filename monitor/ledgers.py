"""Read what sensor nodes wrote into their ledgers: what they tried, and what they know of it."""

import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from broker.ledger import Attempt, Known, Outcome, entry_adapter
from broker.messages import SequenceRange

STDIN = Path("-")


class LedgerError(Exception):
    """Raised when a file is not there or is no ledger."""


class Identity(NamedTuple):
    """What makes two readings the same: the sensor and the time, to the millisecond (UTC)."""

    sensor_id: str
    moment: str


@dataclass(slots=True)
class Try:
    """One reading that a node tried to bring home.

    Attributes:
        site: The site that it was sent to.
        value_kwh: Its value, kWh.
        sequence: The node's count.
        known: What the node knows of it; ``unknown`` unless it was told.
    """

    site: str
    value_kwh: float
    sequence: int
    known: Known = "unknown"


@dataclass(slots=True)
class Tries:
    """All that some ledgers say.

    Attributes:
        by_identity: The readings that were tried.
        refused: How many found their node's outbox full and were never sent.
        torn: Lines that were cut short when a node died.
    """

    by_identity: dict[Identity, Try] = field(default_factory=dict)
    refused: int = 0
    torn: int = 0

    @property
    def sensor_ids(self) -> list[str]:
        """Whose readings they are."""
        return sorted({each.sensor_id for each in self.by_identity})

    @property
    def places(self) -> set[tuple[str, str]]:
        """Site and sensor of each."""
        return {(tried.site, each.sensor_id) for each, tried in self.by_identity.items()}


def read_ledgers(files: Iterable[Path]) -> Tries:
    """Read ledgers one after the other; ``-`` is standard input.

    Raises:
        LedgerError: A file cannot be read, or holds no attempt.
    """
    tries = Tries()
    outcomes: list[Outcome] = []
    for file in files:
        before = len(tries.by_identity) + tries.refused
        try:
            with sys.stdin.buffer if file == STDIN else file.open("rb") as lines:
                for line in lines:
                    _read_line(line, tries, outcomes)
        except OSError as error:
            raise LedgerError(f"the ledger {file} cannot be read ({error.strerror})") from error
        if len(tries.by_identity) + tries.refused == before:
            raise LedgerError(
                f"the ledger {file} holds no reading that is not in another; was it written with "
                "`sensor-node --ledger`?"
            )
    _enter(outcomes, tries)
    return tries


def _read_line(line: bytes, tries: Tries, outcomes: list[Outcome]) -> None:
    try:
        entry = entry_adapter.validate_json(line)
    except ValidationError:
        tries.torn += 1
        return
    if isinstance(entry, Outcome):
        outcomes.append(entry)
    elif entry.event == "refused":
        tries.refused += 1
    else:
        _tried(entry, tries)


def _tried(attempt: Attempt, tries: Tries) -> None:
    reading = attempt.reading
    try:
        moment = reading.timestamp.astimezone(UTC).isoformat(timespec="milliseconds")
    except OverflowError:
        # No node writes the first or last hours of the calendar: it is as good as torn.
        tries.torn += 1
        return
    key = Identity(reading.sensor_id, moment)
    tries.by_identity.setdefault(key, Try(attempt.site, reading.value_kwh, reading.sequence or 0))


def _enter(outcomes: Iterable[Outcome], tries: Tries) -> None:
    """Note at each reading what its node was told of it."""
    by_place: dict[tuple[str, str], list[Try]] = defaultdict(list)
    for identity, tried in tries.by_identity.items():
        by_place[tried.site, identity.sensor_id].append(tried)
    for row in by_place.values():
        row.sort(key=_sequence)
    for outcome in outcomes:
        if outcome.event != "unknown":
            row = by_place.get((outcome.site, outcome.sensor_id), [])
            for tried in _within(row, outcome.sequences):
                tried.known = outcome.event


def _within(row: Sequence[Try], ranges: Iterable[SequenceRange]) -> Iterable[Try]:
    for first, last in ranges:
        yield from row[bisect_left(row, first, key=_sequence) : bisect_right(row, last, key=_sequence)]


def _sequence(tried: Try) -> int:
    return tried.sequence
