"""Read what sensor nodes wrote into their ledgers: what they tried, what must come of it, what they know."""

import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from broker.ledger import (
    AttemptEntry,
    ExpectedAlarmEntry,
    ExpectedOutcome,
    GroundTruth,
    MalformedEntry,
    OutcomeEntry,
    entry_adapter,
)
from broker.messages import SequenceRange
from monitor.verify.attempts import (
    Absence,
    AttemptedReading,
    Attempts,
    MalformedPayload,
    PayloadKey,
    ReadingKey,
)

STDIN = Path("-")


class LedgerFileError(Exception):
    """Raised when a file is not there or is no ledger."""


class _Truths:
    """One object for all that are the same: a million readings have a few dozen."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], GroundTruth] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, faults: Sequence[str], must: ExpectedOutcome) -> GroundTruth:
        # To have pydantic compare them takes longer than to read the line.
        key = (*faults, must.fate, must.kind, must.flagged, must.late, must.copies)
        truth = self._known.get(key)
        if truth is None:
            truth = self._known[key] = GroundTruth(faults=tuple(faults), must=must)
        return truth


def read_ledgers(files: Iterable[Path]) -> Attempts:
    """Read ledgers one after the other; ``-`` is standard input.

    Raises:
        LedgerError: A file cannot be read, or holds no attempt.
    """
    tries = Attempts()
    outcomes: list[OutcomeEntry] = []
    truths = _Truths()
    for file in files:
        before = tries.size
        try:
            with sys.stdin.buffer if file == STDIN else file.open("rb") as lines:
                for line in lines:
                    _read_line(line, tries, outcomes, truths)
        except OSError as error:
            raise LedgerFileError(f"the ledger {file} cannot be read ({error.strerror})") from error
        if tries.size == before:
            raise LedgerFileError(
                f"the ledger {file} holds no readings of its own; was it written with `sensor-node --ledger`?"
            )
    tries.has_truth = bool(len(truths) or tries.absences)
    _enter(outcomes, tries)
    return tries


def _read_line(line: bytes, tries: Attempts, outcomes: list[OutcomeEntry], truths: _Truths) -> None:
    try:
        entry = entry_adapter.validate_json(line)
        if isinstance(entry, OutcomeEntry):
            outcomes.append(entry)
        elif isinstance(entry, AttemptEntry):
            _tried(entry, tries, truths)
        elif isinstance(entry, MalformedEntry):
            _spoiled(entry, tries, truths)
        else:
            _away(entry, tries)
    except (ValidationError, OverflowError):
        # No node writes the first or last hours of the calendar: they are as good as torn.
        tries.torn += 1


def _tried(attempt: AttemptEntry, tries: Attempts, truths: _Truths) -> None:
    reading = attempt.reading
    key = ReadingKey(reading.sensor_id, _moment(reading.timestamp))
    if attempt.event == "refused":
        tries.refused += 1
        return
    truth = None if attempt.must is None else truths.get(attempt.faults, attempt.must)
    tried = AttemptedReading(sys.intern(attempt.site), reading.value_kwh, reading.sequence or 0, truth)
    tries.by_identity.setdefault(key, tried)


def _spoiled(entry: MalformedEntry, tries: Attempts, truths: _Truths) -> None:
    moment = _moment(entry.at)
    key = PayloadKey(entry.site, entry.sensor_id, entry.digest)
    spoiled = tries.payloads.setdefault(key, MalformedPayload([], truths.get(entry.faults, entry.must)))
    spoiled.moments.append(moment)


def _away(entry: ExpectedAlarmEntry, tries: Attempts) -> None:
    begins, ends = (each.astimezone(UTC).replace(tzinfo=None) for each in (entry.begins, entry.ends))
    tries.absences.append(Absence(entry.sensor_id, entry.rule, begins, ends, entry.must))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _enter(outcomes: Iterable[OutcomeEntry], tries: Attempts) -> None:
    """Note at each reading what its node was told of it."""
    by_place: dict[tuple[str, str], list[AttemptedReading]] = defaultdict(list)
    for identity, tried in tries.by_identity.items():
        by_place[tried.site, identity.sensor_id].append(tried)
    for row in by_place.values():
        row.sort(key=_sequence)
    for outcome in outcomes:
        if outcome.event != "unknown":
            row = by_place.get((outcome.site, outcome.sensor_id), [])
            for tried in _within(row, outcome.sequences):
                tried.reported = outcome.event


def _within(row: Sequence[AttemptedReading], ranges: Iterable[SequenceRange]) -> Iterable[AttemptedReading]:
    for first, last in ranges:
        yield from row[bisect_left(row, first, key=_sequence) : bisect_right(row, last, key=_sequence)]


def _sequence(tried: AttemptedReading) -> int:
    return tried.sequence
