"""What had to become of readings against what became of them: a confusion table, and fault by fault."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from broker.ledger import GroundTruth
from monitor.text_table import Column, table_lines

NORMAL, FLAGGED, ABSENT, COUNTED = "normal", "flagged", "absent", "counted"
REJECTED, WITHHELD = "rejected", "withheld"
OTHER_REASON = "other kind"
NO_FAULT = "no fault"
WIDTH = 80
_ORDER = (NORMAL, FLAGGED, REJECTED, OTHER_REASON, COUNTED, ABSENT)
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
    """What is said of something that is refused for one reason."""
    return f"{REJECTED}: {kind}"


def expected_outcome(truth: GroundTruth) -> str:
    """What had to become of it: ``normal``, ``flagged``, ``rejected: invalid``, … or ``withheld``."""
    must = truth.must
    if must.fate == "stored":
        return FLAGGED if must.flagged else NORMAL
    return rejected(must.kind) if must.fate == "rejected" else WITHHELD


def describe_mistake(had: str, was: str) -> str | None:
    """Say what is wrong, in words for a list; None if it is right, or lost."""
    row = REJECTED if had.startswith(REJECTED) else had
    return _MISTAKES.get((row, _column(had, was)))


def is_expected(had: str, was: str) -> bool:
    """Whether what came of something is what had to."""
    if had == WITHHELD:
        return was == ABSENT
    # Of what comes too fast to be kept there is a number, and nothing more is promised.
    return had == was or (had.startswith(REJECTED) and was == COUNTED)


def _column(had: str, was: str) -> str:
    if not was.startswith(REJECTED):
        return was
    return OTHER_REASON if had.startswith(REJECTED) and had != was else REJECTED


@dataclass(slots=True)
class ConfusionMatrix:
    """Counts what had to be and what was.

    Attributes:
        cells: By what had to be and what was.
        right: By fault, how many came out right.
        wrong: By fault, how many did not.
        musts: By fault, what had to become of those that have it.
    """

    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    musts: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def enter(self, truth: GroundTruth, was: str, *, well: bool, times: int = 1) -> None:
        """Count something.

        Args:
            truth: What was done to it, and what had to become of it.
            was: What became of it.
            well: Whether that, and all else about it, is right.
            times: How many there are of it.
        """
        had = expected_outcome(truth)
        self.cells[had, was] += times
        for fault in set(truth.faults) or (NO_FAULT,):
            (self.right if well else self.wrong)[fault] += times
            self.musts[fault].add(had)

    def lines(self) -> list[str]:
        """Both tables, for people; none if nothing was counted."""
        if not self.cells:
            return []
        return ["", *self._table(), "", *self._faults()]

    def _table(self) -> list[str]:
        used = {_column(*cell) for cell in self.cells}
        columns = [name for name in _ORDER if name in used]
        shown: Counter[tuple[str, str]] = Counter()
        wrong = set()
        for (had, was), count in self.cells.items():
            shown[had, _column(had, was)] += count
            if not is_expected(had, was):
                wrong.add((had, _column(had, was)))
        rows = [
            [had, *(cell(shown[had, name], is_wrong=(had, name) in wrong) for name in columns)]
            for had in sorted({had for had, _ in shown}, key=_rank)
        ]
        titles = [Column("expected \\ actual"), *(Column(name, is_number=True) for name in columns)]
        return table_lines(titles, rows, WIDTH)

    def _faults(self) -> list[str]:
        names = sorted(self.musts.keys(), key=lambda name: (name == NO_FAULT, name))
        rows = [
            [
                name,
                f"{self.right[name] + self.wrong[name]:,}",
                cell(self.right[name], is_wrong=False),
                cell(self.wrong[name], is_wrong=True),
                ", ".join(sorted(self.musts[name], key=_rank)),
            ]
            for name in names
        ]
        titles = [Column("fault")]
        titles += [Column(name, is_number=True) for name in ("injected", "right", "wrong")]
        return table_lines([*titles, Column("expected", is_cuttable=True)], rows, WIDTH)


def _rank(had: str) -> tuple[int, str]:
    order = (NORMAL, FLAGGED, REJECTED, WITHHELD)
    return order.index(REJECTED if had.startswith(REJECTED) else had), had


def cell(count: int, *, is_wrong: bool) -> str:
    """A number that says without a colour whether it is right."""
    if not count:
        return ".  "
    return f"{count:,} !" if is_wrong else f"{count:,} ✓"
