"""What came of alarms that had to be raised and cleared."""

from collections import Counter
from dataclasses import dataclass, field

from ingestor.documents import AlarmDocument
from monitor.text_table import Column, number_columns, table_lines
from monitor.verify.confusion_matrix import WIDTH, cell

RULES = ("overconsumption", "clock", "rejecting", "silent", "offline")
RAISED, CLEARED = "raised", "cleared"
MISSING, FALSE, WRONG_END = "alarms missing", "alarms false", "alarms not cleared when they had to be"
WRONG = (MISSING, FALSE, WRONG_END)


@dataclass(slots=True)
class AlarmVerdict:
    """What came of alarms.

    Attributes:
        alarms: By what came of them, rule and id of each; of a missing one, the id says about when.
        not_judged: How many there are of rules that the ledgers say nothing of.
    """

    alarms: dict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: {what: [] for what in (RAISED, CLEARED, *WRONG)}
    )
    not_judged: Counter[str] = field(default_factory=Counter)

    def add(self, alarm: AlarmDocument, *, ends_well: bool) -> None:
        """Note an alarm that had to be, or may be, and whether it ends, or goes on, as it has to."""
        self.note(RAISED, alarm["rule"], alarm["_id"])
        if not ends_well:
            self.note(WRONG_END, alarm["rule"], alarm["_id"])
        elif alarm["cleared_at"] is not None:
            self.note(CLEARED, alarm["rule"], alarm["_id"])

    def note(self, what: str, rule: str, name: str) -> None:
        """Note what came of the alarm with an id."""
        self.alarms[what].append((rule, name))

    @property
    def faults(self) -> dict[str, list[str]]:
        """What is wrong: descriptions, and the ids."""
        return {what: [name for _, name in self.alarms[what]] for what in WRONG if self.alarms[what]}

    def lines(self) -> list[str]:
        """Tell it to people."""
        counts = {what: Counter(rule for rule, _ in alarms) for what, alarms in self.alarms.items()}
        rows = [
            [rule, *(cell(count[rule], is_wrong=what in WRONG) for what, count in counts.items())]
            for rule in RULES
            if any(count[rule] for count in counts.values())
        ]
        columns = [Column("alarm"), *number_columns(RAISED, CLEARED, "missing", "false", "wrong end")]
        lines = ["", *table_lines(columns, rows, WIDTH)] if rows else ["", "No alarms expected, none raised."]
        if self.not_judged:
            names = ", ".join(f"{count:,} of {rule}" for rule, count in sorted(self.not_judged.items()))
            lines.append(f"Not checked, because the ledgers do not predict them: {names}.")
        return lines
