"""Read what people recorded: sensor nodes' ledgers, and alerts.

Ledgers say what nodes tried, what must come of it, and what they know of it.
"""

import sys
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

from pydantic import ValidationError

from broker.ledger import (
    AttemptEntry,
    ExpectedOutcome,
    GroundTruth,
    MalformedEntry,
    OutcomeEntry,
    entry_adapter,
)
from broker.messages import Alert
from broker.program.bounded_file import LongLineError, read_lines
from ingestor.documents import format_timestamp
from monitor.verify.attempts import (
    Absence,
    AttemptedReading,
    Attempts,
    MalformedPayload,
    PayloadKey,
    ReadingKey,
)

STDIN = Path("-")

RecordedAlerts = Counter[tuple[str, bool]]
"""How often each alert came: by its id, and whether it came as a late one."""


class LedgerFileError(Exception):
    """Raised when a file is not there or is no ledger."""


def read_ledgers(files: Iterable[Path]) -> Attempts:
    """Read ledgers one after the other; ``-`` is standard input.

    Raises:
        LedgerFileError: A file cannot be read, or holds no attempt.
    """
    reader = _LedgerReader()
    for file in files:
        before = reader.attempts.size
        try:
            with sys.stdin.buffer if file == STDIN else file.open("rb") as opened:
                for line in read_lines(opened):
                    reader.read_line(line)
        except LongLineError as error:
            raise LedgerFileError(f"the ledger {file} cannot be read: {error}; is it a ledger?") from error
        except OSError as error:
            raise LedgerFileError(f"the ledger {file} cannot be read ({error.strerror})") from error
        if reader.attempts.size == before:
            raise LedgerFileError(
                f"the ledger {file} holds no readings of its own; was it written with `sensor-node --ledger`?"
            )
    return reader.conclude()


def read_alerts(file: Path) -> RecordedAlerts:
    """Count recorded alerts: one payload a line, as ``mosquitto_sub`` writes them.

    Raises:
        LedgerFileError: The file cannot be read, or a line is no alert.
    """
    recorded = RecordedAlerts()
    try:
        with file.open("rb") as opened:
            for number, line in enumerate(read_lines(opened), start=1):
                try:
                    alert = Alert.model_validate_json(line)
                except ValidationError as error:
                    hint = "record them with mosquitto_sub -t 'energy/alerts/#'"
                    raise LedgerFileError(f"line {number} of {file} is not an alert; {hint}") from error
                recorded[alert.id, alert.late] += 1
    except LongLineError as error:
        raise LedgerFileError(f"the alerts {file} cannot be read: {error}") from error
    except OSError as error:
        raise LedgerFileError(f"the alerts {file} cannot be read ({error.strerror})") from error
    return recorded


class _LedgerReader:
    def __init__(self) -> None:
        self.attempts = Attempts()
        self._outcomes: list[OutcomeEntry] = []
        self._truths: dict[tuple[object, ...], GroundTruth] = {}

    def read_line(self, line: bytes) -> None:
        try:
            entry = entry_adapter.validate_json(line)
            if isinstance(entry, OutcomeEntry):
                self._outcomes.append(entry)
            elif isinstance(entry, AttemptEntry):
                self._add_attempt(entry)
            elif isinstance(entry, MalformedEntry):
                self._add_malformed(entry)
            else:
                begins, ends = (_naive(each) for each in (entry.begins, entry.ends))
                self.attempts.absences.append(Absence(entry.sensor_id, entry.rule, begins, ends, entry.must))
        except (ValidationError, OverflowError):
            # No node writes the first or last hours of the calendar: they are as good as torn.
            self.attempts.torn += 1

    def conclude(self) -> Attempts:
        """Note at each reading what its node was told of it."""
        attempts = self.attempts
        attempts.has_truth = bool(self._truths or attempts.absences)
        by_sensor: dict[tuple[str, str], list[AttemptedReading]] = defaultdict(list)
        for key, tried in attempts.by_identity.items():
            by_sensor[tried.site, key.sensor_id].append(tried)
        sequence = attrgetter("sequence")
        for row in by_sensor.values():
            row.sort(key=sequence)
        for outcome in self._outcomes:
            row = by_sensor.get((outcome.site, outcome.sensor_id), [])
            for first, last in outcome.sequences if outcome.event != "unknown" else ():
                for tried in row[
                    bisect_left(row, first, key=sequence) : bisect_right(row, last, key=sequence)
                ]:
                    tried.reported = outcome.event
        return attempts

    def _add_attempt(self, entry: AttemptEntry) -> None:
        reading = entry.reading
        key = ReadingKey(reading.sensor_id, format_timestamp(_naive(reading.timestamp)))
        if entry.event == "refused":
            self.attempts.not_sent += 1
            return
        truth = None if entry.must is None else self._truth(entry.faults, entry.must)
        tried = AttemptedReading(sys.intern(entry.site), reading.value_kwh, reading.sequence or 0, truth)
        self.attempts.by_identity.setdefault(key, tried)

    def _add_malformed(self, entry: MalformedEntry) -> None:
        moment = format_timestamp(_naive(entry.at))
        key = PayloadKey(entry.site, entry.sensor_id, entry.digest)
        payload = MalformedPayload([], self._truth(entry.faults, entry.must))
        self.attempts.payloads.setdefault(key, payload).moments.append(moment)

    def _truth(self, faults: Sequence[str], must: ExpectedOutcome) -> GroundTruth:
        """One object for all that are the same: a million readings have a few dozen."""
        # To have pydantic compare them takes longer than to read the line.
        key = (*faults, must.fate, must.kind, must.flagged, must.late, must.copies)
        if key not in self._truths:
            self._truths[key] = GroundTruth(faults=tuple(faults), must=must)
        return self._truths[key]


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
