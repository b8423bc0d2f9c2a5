"""Judge what came of each thing in a ledger that says what had to."""

from collections import defaultdict
from dataclasses import dataclass, field

from monitor.verify.attempts import AttemptedReading, MalformedPayload
from monitor.verify.confusion_matrix import (
    ABSENT,
    COUNTED,
    REJECTED,
    ConfusionMatrix,
    describe_mistake,
    expected_outcome,
    is_expected,
    rejected,
)

NOT_LATE = "readings not marked late, but older than ten minutes on arrival"
LOST = "malformed payloads lost"


@dataclass(slots=True)
class Outcomes:
    """What had to be, and what was.

    Attributes:
        confusion: How often which.
        wrong: What came otherwise than it had to: descriptions, and the ids.
        repeated: How many readings were sent more than once on purpose.
        payloads: How many payloads were sent that are no readings.
        counted: How much came too fast to be kept, and is only counted.
    """

    confusion: ConfusionMatrix = field(default_factory=ConfusionMatrix)
    wrong: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    repeated: int = 0
    payloads: int = 0
    counted: int = 0

    def judge(self, name: str, tried: AttemptedReading) -> None:
        """Judge a reading; one of which nobody said what must come of it is left out."""
        if tried.truth is None:
            return
        had, is_once = expected_outcome(tried.truth), tried.times_stored <= 1
        has_failed = False
        self.repeated += tried.truth.must.copies > 1
        self.counted += tried.outcome == COUNTED
        if what := describe_mistake(had, tried.outcome):
            reason = f" ({tried.outcome})" if tried.outcome.startswith(REJECTED) else ""
            self.wrong[what].append(name + reason)
        if tried.truth.must.late and tried.times_stored and not tried.is_late:
            has_failed = True
            self.wrong[NOT_LATE].append(name)
        well = is_expected(had, tried.outcome) and is_once and not has_failed
        self.confusion.enter(tried.truth, tried.outcome, well=well)

    def judge_payload(self, names: list[str], spoiled: MalformedPayload) -> None:
        """Judge a payload that is no reading.

        Args:
            names: Of each time that it was made.
            spoiled: What is known of it.
        """
        had, made = expected_outcome(spoiled.truth), len(names)
        kinds = [each if each == COUNTED else rejected(each) for each in spoiled.kinds]
        # What came once more after a redelivery says nothing new, unless it is refused for another reason.
        kinds.sort(key=lambda was: is_expected(had, was))
        self.payloads += made
        for name, was in zip(names, (*kinds, *[ABSENT] * made)[:made], strict=True):
            self.counted += was == COUNTED
            if was == ABSENT:
                self.wrong[LOST].append(name)
            elif what := describe_mistake(had, was):
                self.wrong[what].append(f"{name} ({was})")
            self.confusion.enter(spoiled.truth, was, well=is_expected(had, was))
