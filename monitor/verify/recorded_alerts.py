"""Alerts that somebody recorded, to be held against what is stored."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from broker.messages import Alert
from monitor.verify.ledger_reader import LedgerFileError


@dataclass(slots=True)
class RecordedAlerts:
    """How often each alert came, by id, and which came as late and as not late."""

    times: Counter[str] = field(default_factory=Counter)
    late: set[str] = field(default_factory=set)
    timely: set[str] = field(default_factory=set)

    def note(self, alert_id: str, *, late: bool) -> None:
        """Note one that came."""
        self.times[alert_id] += 1
        (self.late if late else self.timely).add(alert_id)


def read_alerts(file: Path) -> RecordedAlerts:
    """Count recorded alerts by id: one payload a line, as ``mosquitto_sub`` writes them.

    Raises:
        LedgerFileError: The file cannot be read, or a line is no alert.
    """
    recorded = RecordedAlerts()
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    alert = Alert.model_validate_json(line)
                except ValidationError as error:
                    hint = "record them with mosquitto_sub -t 'energy/alerts/#'"
                    raise LedgerFileError(f"line {number} of {file} is not an alert; {hint}") from error
                recorded.note(alert.id, late=alert.late)
    except OSError as error:
        raise LedgerFileError(f"the alerts {file} cannot be read ({error.strerror})") from error
    return recorded
