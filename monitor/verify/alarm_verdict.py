"""What came of alarms that had to be raised and cleared."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ingestor.documents import AlarmDocument, alarm_id
from monitor.text_table import Column, table_lines
from monitor.verify.confusion_matrix import WIDTH, cell

RULES = ("overconsumption", "clock", "rejecting", "silent", "offline")


@dataclass(slots=True)
class AlarmVerdict:
    """What came of alarms, each list by id.

    Attributes:
        raised: By rule, how many there are that had to be, or may be.
        cleared: By rule, how many of these are over as they have to.
        missing: Had to be raised and are not there.
        false: Are there, and nothing explains them.
        wrong_end: Are over too early, too late, or not at all.
        not_judged: How many there are of rules that the ledgers say nothing of.
    """

    raised: Counter[str] = field(default_factory=Counter)
    cleared: Counter[str] = field(default_factory=Counter)
    missing: list[tuple[str, str]] = field(default_factory=list)
    false: list[tuple[str, str]] = field(default_factory=list)
    wrong_end: list[tuple[str, str]] = field(default_factory=list)
    not_judged: Counter[str] = field(default_factory=Counter)

    def miss(self, rule: str, sensor_id: str, since: datetime) -> None:
        """Note that an alarm is not there."""
        self.missing.append((rule, alarm_id(sensor_id, rule, since)))

    def blame(self, document: AlarmDocument) -> None:
        """Note that an alarm is false."""
        self.false.append((document["rule"], document["_id"]))

    def note(self, document: AlarmDocument, *, ends_well: bool) -> None:
        """Note an alarm that had to be, or may be.

        Args:
            document: The alarm.
            ends_well: Whether it is over as it has to be, or goes on as it has to.
        """
        rule = document["rule"]
        self.raised[rule] += 1
        if not ends_well:
            self.wrong_end.append((rule, document["_id"]))
        elif document["cleared_at"] is not None:
            self.cleared[rule] += 1

    @property
    def faults(self) -> dict[str, list[str]]:
        """What is not well: descriptions, and the ids; those of the missing say about when they had to be."""
        found = {
            "alarms missing": self.missing,
            "alarms false": self.false,
            "alarms not cleared when they had to be": self.wrong_end,
        }
        return {name: [alarm for _, alarm in alarms] for name, alarms in found.items() if alarms}

    def lines(self) -> list[str]:
        """Tell it to people."""
        wrongs = [Counter(rule for rule, _ in each) for each in (self.missing, self.false, self.wrong_end)]
        rows = [
            [
                rule,
                cell(self.raised[rule], is_wrong=False),
                cell(self.cleared[rule], is_wrong=False),
                *(cell(wrong[rule], is_wrong=True) for wrong in wrongs),
            ]
            for rule in RULES
            if self.raised[rule] or any(wrong[rule] for wrong in wrongs)
        ]
        titles = ("raised", "cleared", "missing", "false", "wrong end")
        columns = [Column("alarm"), *(Column(title, is_number=True) for title in titles)]
        lines = ["", *table_lines(columns, rows, WIDTH)] if rows else ["", "No alarms expected, none raised."]
        if self.not_judged:
            names = ", ".join(f"{count:,} of {rule}" for rule, count in sorted(self.not_judged.items()))
            lines.append(f"Not checked, because the ledgers do not predict them: {names}.")
        return lines
