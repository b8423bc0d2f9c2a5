"""Hold ledgers against the database: was every reading stored exactly once, and every alert sent?

The words are those of Jepsen's checkers for sets and queues: what was tried and is not there is lost,
what is there twice is duplicated, what nobody tried is unexpected, and what is there although its
node never learned it is recovered (which is well).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from broker.messages import Alert
from broker.plain import plain
from ingestor.documents import Measure, format_moment
from monitor.ledgers import Identity, LedgerError, Tries

EXAMPLES = 5


@dataclass(slots=True)
class Verdict:
    """What came of the readings in some ledgers, each list by id.

    Attributes:
        attempted: How many readings were tried.
        confirmed: How many the ingestor confirmed.
        recovered: Stored, though the node never learned it.
        rejected: Refused by the ingestor and kept in ``rejected``.
        lost: Neither stored nor rejected.
        confirmed_but_lost: Those of the lost that were confirmed.
        duplicated: Stored more than once.
        unexpected: Stored for these sensors in that time, but in no ledger, or with another value.
        refused: How many found their outbox full.
        alerts: How many of the stored readings are above their threshold.
        alerts_missing: Anomalies whose alert was not sent.
        alerts_doubled: Alerts that came more than once, the same each time; None if nobody listened.
        alerts_wrong: Alerts that no stored anomaly explains; None if nobody listened.
    """

    attempted: int
    confirmed: int
    refused: int
    recovered: int = 0
    rejected: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    confirmed_but_lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    alerts: int = 0
    alerts_missing: list[str] = field(default_factory=list)
    alerts_doubled: list[str] | None = None
    alerts_wrong: list[str] | None = None

    @property
    def faults(self) -> dict[str, list[str]]:
        """What is not well: descriptions, and the ids."""
        found = {
            "readings lost": self.lost,
            "readings duplicated": self.duplicated,
            "readings unexpected": self.unexpected,
            "alerts missing": self.alerts_missing,
            "alerts wrong": self.alerts_wrong or [],
        }
        return {name: ids for name, ids in found.items() if ids}

    @property
    def is_well(self) -> bool:
        """Whether every reading is stored once or kept as rejected, and every alert was sent."""
        return not self.faults and not self.refused


class Verifier:
    """Compares, one stored reading after the other, so that the database's side needs no memory.

    Args:
        tries: What the ledgers say.
        heard: The alerts that somebody recorded, by id and with how often they came; None if nobody.
    """

    def __init__(self, tries: Tries, heard: Counter[str] | None) -> None:
        self._tries = tries
        self._heard = heard
        self._found: Counter[Identity] = Counter()
        self._anomalies: set[str] = set()
        known = Counter(tried.known for tried in tries.by_identity.values())
        self.verdict = Verdict(len(tries.by_identity), known["confirmed"], tries.refused)

    def see(self, measure: Measure) -> None:
        """Compare one stored reading."""
        moment = format_moment(measure["timestamp"]).replace("Z", "+00:00")
        identity = Identity(measure["sensor_id"], moment)
        name = _name(identity)
        tried = self._tries.by_identity.get(identity)
        if tried is None or tried.value_kwh != measure["value_kwh"] or tried.site != measure["site"]:
            self.verdict.unexpected.append(name)
            return
        self._found[identity] += 1
        if self._found[identity] == 2:  # noqa: PLR2004 - named once, however often
            self.verdict.duplicated.append(name)
        elif tried.known == "unknown":
            self.verdict.recovered += 1
        if measure["is_anomaly"]:
            self._see_anomaly(measure)

    def _see_anomaly(self, measure: Measure) -> None:
        name = measure["_id"]
        self._anomalies.add(name)
        announced = self._heard[name] > 0 if self._heard is not None else bool(measure.get("alerted_at"))
        if not announced:
            self.verdict.alerts_missing.append(name)

    def missing(self) -> dict[Identity, tuple[str, int]]:
        """The readings that were not seen, with their site and sequence."""
        return {
            identity: (tried.site, tried.sequence)
            for identity, tried in self._tries.by_identity.items()
            if identity not in self._found
        }

    def conclude(self, rejected: Iterable[Identity]) -> Verdict:
        """Say what came of all.

        Args:
            rejected: Those of the missing readings that are kept in ``rejected``.
        """
        verdict, kept = self.verdict, set(rejected)
        verdict.rejected = sorted(map(_name, kept))
        for identity in self.missing():
            if identity not in kept:
                verdict.lost.append(_name(identity))
                if self._tries.by_identity[identity].known == "confirmed":
                    verdict.confirmed_but_lost.append(_name(identity))
        verdict.alerts = len(self._anomalies)
        if self._heard is not None:
            ours = {name: count for name, count in self._heard.items() if self._is_ours(name)}
            verdict.alerts_doubled = sorted(name for name, count in ours.items() if count > 1)
            verdict.alerts_wrong = sorted(set(ours) - self._anomalies)
        return verdict

    def _is_ours(self, alert_id: str) -> bool:
        sensor_id, _, moment = alert_id.rpartition("@")
        return Identity(sensor_id, moment.replace("Z", "+00:00")) in self._tries.by_identity


def _name(identity: Identity) -> str:
    return f"{identity.sensor_id}@{identity.moment.replace('+00:00', 'Z')}"


def read_alerts(file: Path) -> Counter[str]:
    """Count recorded alerts by id: one payload a line, as ``mosquitto_sub`` writes them.

    Raises:
        LedgerError: The file cannot be read, or a line is no alert.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise LedgerError(f"the alerts {file} cannot be read ({error.strerror})") from error
    return Counter(_alert_id(line, f"line {number} of {file}") for number, line in enumerate(lines, start=1))


def _alert_id(line: bytes, where: str) -> str:
    try:
        return Alert.model_validate_json(line).id
    except ValidationError as error:
        hint = "record them with mosquitto_sub -t 'energy/alerts/#'"
        raise LedgerError(f"{where} is no alert; {hint}") from error


def to_lines(verdict: Verdict) -> list[str]:
    """Tell a verdict to people."""
    rows: list[tuple[str, int, str]] = [
        ("attempted", verdict.attempted, "readings in the ledger"),
        ("confirmed", verdict.confirmed, "told to the node"),
        ("recovered", verdict.recovered, "stored, though the node never learned it"),
        ("rejected", len(verdict.rejected), "refused by the ingestor, and kept there"),
        ("refused", verdict.refused, "found the outbox full, never sent"),
        ("lost", len(verdict.lost), f"{len(verdict.confirmed_but_lost):,} of them were confirmed"),
        ("duplicated", len(verdict.duplicated), ""),
        ("unexpected", len(verdict.unexpected), "stored, but not tried like that"),
        ("alerts", verdict.alerts, "stored readings above their threshold"),
        ("  missing", len(verdict.alerts_missing), ""),
    ]
    if verdict.alerts_doubled is not None:
        rows.append(("  doubled", len(verdict.alerts_doubled), "the same alert again, with the same id"))
    if verdict.alerts_wrong is not None:
        rows.append(("  wrong", len(verdict.alerts_wrong), "of readings that are no stored anomaly"))
    lines = [f"{name:<11} {count:>11,}   {meaning}".rstrip() for name, count, meaning in rows]
    for name, ids in verdict.faults.items():
        lines += [f"{name}:", *(f"  {plain(each)}" for each in sorted(ids)[:EXAMPLES])]
        if len(ids) > EXAMPLES:
            lines.append(f"  … and {len(ids) - EXAMPLES:,} more")
    if verdict.refused:
        lines.append(f"{verdict.refused:,} readings never left their node: its outbox was full.")
    if verdict.is_well:
        lines.append("All is well.")
    elif [*verdict.faults] == ["readings lost"] and not verdict.confirmed_but_lost:
        lines.append("NOT WELL, or not yet: what is not confirmed may still wait in an outbox.")
    else:
        lines.append("NOT WELL.")
    return lines
