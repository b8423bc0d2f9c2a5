"""What had to become of readings against what became of them: a confusion table, and fault by fault."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from broker.ledger import GroundTruth
from monitor.text_table import Column, cuttable_columns, number_columns, table_lines
from monitor.verify.attempts import AttemptedReading, MalformedPayload

NORMAL, FLAGGED, ABSENT, COUNTED = "normal", "flagged", "absent", "counted"
REJECTED, WITHHELD = "rejected", "withheld"
OTHER_REASON = "other kind"
NO_FAULT = "no fault"
NOT_LATE = "readings not marked late, but older than ten minutes on arrival"
LOST = "malformed payloads lost"
WIDTH = 80
_ROWS = (NORMAL, FLAGGED, REJECTED, WITHHELD)
_COLUMNS = (NORMAL, FLAGGED, REJECTED, OTHER_REASON, COUNTED, ABSENT)
_MISTAKES = {
    (NORMAL, FLAGGED): "readings flagged, but not above their threshold",
    (FLAGGED, NORMAL): "readings above their threshold, but not flagged",
    (NORMAL, REJECTED): "readings rejected that had to be stored",
    (FLAGGED, REJECTED): "readings rejected that had to be stored",
    (REJECTED, NORMAL): "readings stored that had to be rejected",
    (REJECTED, FLAGGED): "readings stored that had to be rejected",
    (REJECTED, OTHER_REASON): "rejected for the wrong reason",
    (WITHHELD, NORMAL): "readings stored that were never sent",
    (WITHHELD, FLAGGED): "readings stored that were never sent",
    (WITHHELD, REJECTED): "readings rejected that were never sent",
}


def rejected(kind: str | None) -> str:
    """The outcome of something that was rejected for one reason."""
    return f"{REJECTED}: {kind}"


def expected_outcome(truth: GroundTruth) -> str:
    """What had to become of it: ``normal``, ``flagged``, ``rejected: invalid``, … or ``withheld``."""
    must = truth.must
    if must.fate == "stored":
        return FLAGGED if must.flagged else NORMAL
    return rejected(must.kind) if must.fate == "rejected" else WITHHELD


def _is_right(expected: str, actual: str) -> bool:
    if expected == WITHHELD:
        return actual == ABSENT
    # Of what comes too fast to be kept there is a number, and nothing more is promised.
    return expected == actual or (expected.startswith(REJECTED) and actual == COUNTED)


def _mistake(expected: str, actual: str) -> str | None:
    """What is wrong, in words for a list; None if it is right, or lost."""
    return _MISTAKES.get((_row(expected), _column(expected, actual)))


def _row(expected: str) -> str:
    return REJECTED if expected.startswith(REJECTED) else expected


def _column(expected: str, actual: str) -> str:
    if not actual.startswith(REJECTED):
        return actual
    return OTHER_REASON if expected.startswith(REJECTED) and expected != actual else REJECTED


def _rank(expected: str) -> tuple[int, str]:
    return _ROWS.index(_row(expected)), expected


def cell(count: int, *, is_wrong: bool = False) -> str:
    """A number that says without a colour whether it is right."""
    if not count:
        return ".  "
    return f"{count:,} !" if is_wrong else f"{count:,} ✓"


@dataclass(slots=True)
class Outcomes:
    """What became of everything of which a ledger says what had to.

    Attributes:
        wrong: What came otherwise than it had to: descriptions, and the ids.
        repeated: How many readings were sent more than once on purpose.
        payloads: How many payloads were sent that are no readings.
        counted: How much came too fast to be kept, and is only counted.
        cells: How much there is of what had to be and what was.
        faults_right: By fault, how many came out right.
        faults_wrong: By fault, how many did not.
        faults_expected: By fault, what had to become of those that have it.
    """

    wrong: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    repeated: int = 0
    payloads: int = 0
    counted: int = 0
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults_right: Counter[str] = field(default_factory=Counter)
    faults_wrong: Counter[str] = field(default_factory=Counter)
    faults_expected: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def judge(self, name: str, tried: AttemptedReading) -> None:
        """Judge a reading; one of which nobody said what must come of it is left out."""
        if tried.truth is None:
            return
        expected, actual = expected_outcome(tried.truth), tried.outcome
        self.repeated += tried.truth.must.copies > 1
        self.counted += actual == COUNTED
        if mistake := _mistake(expected, actual):
            self.wrong[mistake].append(f"{name} ({actual})" if actual.startswith(REJECTED) else name)
        is_unmarked = bool(tried.truth.must.late and tried.times_stored and not tried.is_late)
        if is_unmarked:
            self.wrong[NOT_LATE].append(name)
        well = _is_right(expected, actual) and tried.times_stored <= 1 and not is_unmarked
        self.enter(tried.truth, actual, well=well)

    def judge_payload(self, names: list[str], payload: MalformedPayload) -> None:
        """Judge a payload that is no reading; it has a name for each time that it was made."""
        expected, made = expected_outcome(payload.truth), len(names)
        outcomes = [each if each == COUNTED else rejected(each) for each in payload.kinds]
        # What came once more after a redelivery says nothing new, unless it is rejected for another reason.
        outcomes.sort(key=lambda actual: _is_right(expected, actual))
        self.payloads += made
        for name, actual in zip(names, (*outcomes, *[ABSENT] * made)[:made], strict=True):
            self.counted += actual == COUNTED
            if actual == ABSENT:
                self.wrong[LOST].append(name)
            elif mistake := _mistake(expected, actual):
                self.wrong[mistake].append(f"{name} ({actual})")
            self.enter(payload.truth, actual, well=_is_right(expected, actual))

    def enter(self, truth: GroundTruth, actual: str, *, well: bool, times: int = 1) -> None:
        """Count something; ``well`` says whether what became of it, and all else about it, is right."""
        expected = expected_outcome(truth)
        self.cells[expected, actual] += times
        for fault in set(truth.faults) or (NO_FAULT,):
            (self.faults_right if well else self.faults_wrong)[fault] += times
            self.faults_expected[fault].add(expected)

    def lines(self) -> list[str]:
        """Both tables, for people."""
        return ["", *self._table(), "", *self._faults()]

    def _table(self) -> list[str]:
        shown: Counter[tuple[str, str]] = Counter()
        wrong = set()
        for (expected, actual), count in self.cells.items():
            position = expected, _column(expected, actual)
            shown[position] += count
            if not _is_right(expected, actual):
                wrong.add(position)
        columns = [name for name in _COLUMNS if name in {column for _, column in shown}]
        rows = [
            [expected, *(cell(shown[expected, name], is_wrong=(expected, name) in wrong) for name in columns)]
            for expected in sorted({expected for expected, _ in shown}, key=_rank)
        ]
        return table_lines([Column("expected \\ actual"), *number_columns(*columns)], rows, WIDTH)

    def _faults(self) -> list[str]:
        rows = [
            [
                name,
                f"{self.faults_right[name] + self.faults_wrong[name]:,}",
                cell(self.faults_right[name]),
                cell(self.faults_wrong[name], is_wrong=True),
                ", ".join(sorted(self.faults_expected[name], key=_rank)),
            ]
            for name in sorted(self.faults_expected, key=lambda name: (name == NO_FAULT, name))
        ]
        numbers = number_columns("injected", "right", "wrong")
        return table_lines([Column("fault"), *numbers, *cuttable_columns("expected")], rows, WIDTH)
