"""Read what sensor nodes wrote into their ledgers: what they tried, what must come of it, what they know."""

import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from broker.ledger import Attempt, Malformed, Must, Outcome, Trouble, Truth, entry_adapter
from broker.messages import SequenceRange
from monitor.tries import Absence, Identity, Payload, Spoiled, Tries, Try

STDIN = Path("-")


class LedgerError(Exception):
    """Raised when a file is not there or is no ledger."""


class _Truths:
    """One object for all that are the same: a million readings have a few dozen."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Truth] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, faults: Sequence[str], must: Must) -> Truth:
        # To have pydantic compare them takes longer than to read the line.
        key = (*faults, must.fate, must.kind, must.flagged, must.late, must.copies)
        truth = self._known.get(key)
        if truth is None:
            truth = self._known[key] = Truth(faults=tuple(faults), must=must)
        return truth


def read_ledgers(files: Iterable[Path]) -> Tries:
    """Read ledgers one after the other; ``-`` is standard input.

    Raises:
        LedgerError: A file cannot be read, or holds no attempt.
    """
    tries = Tries()
    outcomes: list[Outcome] = []
    truths = _Truths()
    for file in files:
        before = tries.size
        try:
            with sys.stdin.buffer if file == STDIN else file.open("rb") as lines:
                for line in lines:
                    _read_line(line, tries, outcomes, truths)
        except OSError as error:
            raise LedgerError(f"the ledger {file} cannot be read ({error.strerror})") from error
        if tries.size == before:
            raise LedgerError(
                f"the ledger {file} holds no reading that is not in another; was it written with "
                "`sensor-node --ledger`?"
            )
    tries.has_truth = bool(len(truths) or tries.absences)
    _enter(outcomes, tries)
    return tries


def _read_line(line: bytes, tries: Tries, outcomes: list[Outcome], truths: _Truths) -> None:
    try:
        entry = entry_adapter.validate_json(line)
        if isinstance(entry, Outcome):
            outcomes.append(entry)
        elif isinstance(entry, Attempt):
            _tried(entry, tries, truths)
        elif isinstance(entry, Malformed):
            _spoiled(entry, tries, truths)
        else:
            _away(entry, tries)
    except (ValidationError, OverflowError):
        # No node writes the first or last hours of the calendar: they are as good as torn.
        tries.torn += 1


def _tried(attempt: Attempt, tries: Tries, truths: _Truths) -> None:
    reading = attempt.reading
    key = Identity(reading.sensor_id, _moment(reading.timestamp))
    if attempt.event == "refused":
        tries.refused += 1
        return
    truth = None if attempt.must is None else truths.get(attempt.faults, attempt.must)
    tried = Try(sys.intern(attempt.site), reading.value_kwh, reading.sequence or 0, truth)
    tries.by_identity.setdefault(key, tried)


def _spoiled(entry: Malformed, tries: Tries, truths: _Truths) -> None:
    moment = _moment(entry.at)
    key = Payload(entry.site, entry.sensor_id, entry.digest)
    spoiled = tries.payloads.setdefault(key, Spoiled([], truths.get(entry.faults, entry.must)))
    spoiled.moments.append(moment)


def _away(entry: Trouble, tries: Tries) -> None:
    begins, ends = (each.astimezone(UTC).replace(tzinfo=None) for each in (entry.begins, entry.ends))
    tries.absences.append(Absence(entry.sensor_id, entry.rule, begins, ends, entry.must))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


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
