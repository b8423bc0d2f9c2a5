"""Alerts that somebody recorded, to be held against what is stored."""

from collections import Counter
from pathlib import Path

from pydantic import ValidationError

from broker.messages import Alert
from monitor.verify.ledger_reader import LedgerFileError

RecordedAlerts = Counter[tuple[str, bool]]
"""How often each alert came: by its id, and whether it came as a late one."""


def read_alerts(file: Path) -> RecordedAlerts:
    """Count recorded alerts: one payload a line, as ``mosquitto_sub`` writes them.

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
                recorded[alert.id, alert.late] += 1
    except OSError as error:
        raise LedgerFileError(f"the alerts {file} cannot be read ({error.strerror})") from error
    return recorded
