"""What came of alarms that had to be raised and cleared."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ingestor.documents import AlarmDocument, alarm_id
from monitor.text_table import Column, number_columns, table_lines
from monitor.verify.confusion_matrix import WIDTH, cell

RULES = ("overconsumption", "clock", "rejecting", "silent", "offline")
MISSING, FALSE, WRONG_END = "alarms missing", "alarms false", "alarms not cleared when they had to be"


@dataclass(slots=True)
class AlarmVerdict:
    """What came of alarms.

    Attributes:
        raised: By rule, how many there are that had to be, or may be.
        cleared: By rule, how many of these are over as they have to.
        wrong: By what is wrong, rule and id of each; the id of a missing one says about when it had to be.
        not_judged: How many there are of rules that the ledgers say nothing of.
    """

    raised: Counter[str] = field(default_factory=Counter)
    cleared: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: {MISSING: [], FALSE: [], WRONG_END: []}
    )
    not_judged: Counter[str] = field(default_factory=Counter)

    def add_missing(self, rule: str, sensor_id: str, since: datetime) -> None:
        """Note that an alarm is not there."""
        self.wrong[MISSING].append((rule, alarm_id(sensor_id, rule, since)))

    def add_false(self, alarm: AlarmDocument) -> None:
        """Note an alarm that nothing explains."""
        self.wrong[FALSE].append((alarm["rule"], alarm["_id"]))

    def add(self, alarm: AlarmDocument, *, ends_well: bool) -> None:
        """Note an alarm that had to be, or may be, and whether it ends, or goes on, as it has to."""
        rule = alarm["rule"]
        self.raised[rule] += 1
        if not ends_well:
            self.wrong[WRONG_END].append((rule, alarm["_id"]))
        elif alarm["cleared_at"] is not None:
            self.cleared[rule] += 1

    @property
    def faults(self) -> dict[str, list[str]]:
        """What is wrong: descriptions, and the ids."""
        return {name: [alarm for _, alarm in alarms] for name, alarms in self.wrong.items() if alarms}

    def lines(self) -> list[str]:
        """Tell it to people."""
        wrongs = [Counter(rule for rule, _ in alarms) for alarms in self.wrong.values()]
        rows = [
            [
                rule,
                cell(self.raised[rule]),
                cell(self.cleared[rule]),
                *(cell(wrong[rule], is_wrong=True) for wrong in wrongs),
            ]
            for rule in RULES
            if self.raised[rule] or any(wrong[rule] for wrong in wrongs)
        ]
        columns = [Column("alarm"), *number_columns("raised", "cleared", "missing", "false", "wrong end")]
        lines = ["", *table_lines(columns, rows, WIDTH)] if rows else ["", "No alarms expected, none raised."]
        if self.not_judged:
            names = ", ".join(f"{count:,} of {rule}" for rule, count in sorted(self.not_judged.items()))
            lines.append(f"Not checked, because the ledgers do not predict them: {names}.")
        return lines
