"""Hold ledgers against the database: did of every reading come what had to, and was every alert sent?

The words are those of Jepsen's checkers for sets and queues: what was tried and is not there is lost,
what is there twice is duplicated, what nobody tried is unexpected, and what is there although its
node never learned it is recovered (which is well).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from broker.escape import escape_text
from ingestor.documents import Measure, format_timestamp, is_late
from monitor.verify.alarm_verdict import AlarmVerdict
from monitor.verify.attempts import AttemptedReading, Attempts, ReadingKey
from monitor.verify.confusion_matrix import ABSENT, FLAGGED, NORMAL, REJECTED
from monitor.verify.outcomes import Outcomes
from monitor.verify.recorded_alerts import RecordedAlerts
from monitor.verify.rejections import RejectionCheck

EXAMPLES = 5
LATE_OTHERWISE = "alerts with the wrong `late`"
NOT_IN_A_LEDGER = "rejected, and in no ledger"


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
        outcomes: What had to be and what was, where the ledgers say it.
        alarms: What came of alarms; None if they are not judged.
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
    outcomes: Outcomes = field(default_factory=Outcomes)
    alarms: AlarmVerdict | None = None

    @property
    def faults(self) -> dict[str, list[str]]:
        """What is not well: descriptions, and the ids."""
        found = {
            "readings lost": self.lost,
            "readings duplicated": self.duplicated,
            "readings unexpected": self.unexpected,
            **self.outcomes.wrong,
            "alerts missing": self.alerts_missing,
            "alerts wrong": self.alerts_wrong or [],
            **(self.alarms.faults if self.alarms else {}),
        }
        return {name: ids for name, ids in found.items() if ids}

    @property
    def passed(self) -> bool:
        """Whether of every reading came what had to, and every alert was sent."""
        return not self.faults and not self.refused


class Verifier:
    """Compares, one stored reading after the other, so that the database's side needs no memory.

    Args:
        tries: What the ledgers say; what is found of each reading is noted in it.
        heard: The alerts that somebody recorded; None if nobody.

    Attributes:
        came: When the first and the last of the ledgers' readings came, by the ingestor's clock (UTC,
            naive), as far as that is seen; None if none did.
    """

    def __init__(self, tries: Attempts, heard: RecordedAlerts | None) -> None:
        self._tries = tries
        self._heard = heard
        self._anomalies: set[str] = set()
        self._strange: list[tuple[datetime, str]] = []
        self.came: tuple[datetime, datetime] | None = None
        sent = [tried for tried in tries.by_identity.values() if tried.expected != ABSENT]
        self.verdict = Verdict(len(sent), sum(tried.reported == "confirmed" for tried in sent), tries.refused)

    def check(self, measure: Measure) -> None:
        """Compare one stored reading."""
        moment = format_timestamp(measure["timestamp"]).replace("Z", "+00:00")
        identity = ReadingKey(measure["sensor_id"], moment)
        tried = self._tries.by_identity.get(identity)
        if tried is None:
            self._strange.append((measure["received_at"], _name(identity)))
            return
        if tried.value_kwh != measure["value_kwh"] or tried.site != measure["site"]:
            self.verdict.unexpected.append(_name(identity))
            return
        tried.times_stored += 1
        if tried.times_stored == 1:
            self._see_first(tried, measure)
        elif tried.times_stored == 2:  # noqa: PLR2004 - named once, however often
            self.verdict.duplicated.append(_name(identity))
        if measure["is_anomaly"]:
            self._see_anomaly(measure)

    def _see_first(self, tried: AttemptedReading, measure: Measure) -> None:
        at = measure["received_at"]
        tried.outcome = FLAGGED if measure["is_anomaly"] else NORMAL
        tried.is_late = is_late(measure)
        self.verdict.recovered += tried.reported == "unknown"
        self.came = (min(self.came[0], at), max(self.came[1], at)) if self.came else (at, at)

    def _see_anomaly(self, measure: Measure) -> None:
        name, heard = measure["_id"], self._heard
        self._anomalies.add(name)
        announced = bool(measure.get("alerted_at")) if heard is None else heard.times[name] > 0
        if not announced:
            self.verdict.alerts_missing.append(name)
        elif heard is not None and name in (heard.timely if is_late(measure) else heard.late):
            self.verdict.outcomes.wrong[LATE_OTHERWISE].append(name)

    def missing(self) -> dict[ReadingKey, tuple[str, int]]:
        """The readings that were sent and not seen, with their site and sequence."""
        return {
            identity: (tried.site, tried.sequence)
            for identity, tried in self._tries.by_identity.items()
            if not tried.times_stored and tried.expected != ABSENT
        }

    def conclude(self, refusals: RejectionCheck) -> Verdict:
        """Say what came of all.

        Args:
            refusals: What was refused: it has seen all of that.
        """
        verdict = self.verdict
        both = [each for each in (self.came, refusals.came) if each is not None]
        self.came = (min(first for first, _ in both), max(last for _, last in both)) if both else None
        refusals.count_floods(self.came[0] if self.came else None)
        for identity, tried in self._tries.by_identity.items():
            name = _name(identity)
            self._conclude(name, tried)
            verdict.outcomes.judge(name, tried)
        for payload, spoiled in self._tries.payloads.items():
            names = [_name(ReadingKey(payload.sensor_id, moment)) for moment in spoiled.moments]
            verdict.outcomes.judge_payload(names, spoiled)
        self._name_strange(refusals)
        verdict.alerts = len(self._anomalies)
        if self._heard is not None:
            ours = {name: count for name, count in self._heard.times.items() if self._is_ours(name)}
            verdict.alerts_doubled = sorted(name for name, count in ours.items() if count > 1)
            verdict.alerts_wrong = sorted(set(ours) - self._anomalies)
        return verdict

    def _conclude(self, name: str, tried: AttemptedReading) -> None:
        if tried.outcome.startswith(REJECTED):
            self.verdict.rejected.append(name)
        elif tried.outcome == ABSENT != tried.expected:
            self.verdict.lost.append(name)
            if tried.reported == "confirmed":
                self.verdict.confirmed_but_lost.append(name)

    def _name_strange(self, refusals: RejectionCheck) -> None:
        """Name what is in no ledger, but for what came before or after all that is: it is of others."""
        if not self._tries.has_truth:
            # Where no clock may be wrong, the time of the readings tells.
            self.verdict.unexpected += [name for _, name in self._strange]
            return
        first, last = self.came or (datetime.min, datetime.max)  # noqa: DTZ901 - of all times
        self.verdict.unexpected += [name for at, name in self._strange if at >= first]
        strange = [name for at, name in refusals.strange if first <= at <= last]
        self.verdict.outcomes.wrong[NOT_IN_A_LEDGER] += strange

    def _is_ours(self, alert_id: str) -> bool:
        sensor_id, _, moment = alert_id.rpartition("@")
        return ReadingKey(sensor_id, moment.replace("Z", "+00:00")) in self._tries.by_identity


def _name(identity: ReadingKey) -> str:
    return f"{identity.sensor_id}@{identity.moment.replace('+00:00', 'Z')}"


def verdict_lines(verdict: Verdict) -> list[str]:
    """Tell a verdict to people."""
    lines = [f"{name:<11} {count:>11,}   {meaning}".rstrip() for name, count, meaning in _counts(verdict)]
    if verdict.outcomes.confusion.cells:
        lines += verdict.outcomes.confusion.lines()
        lines += verdict.alarms.lines() if verdict.alarms else ["", "Alarms are not checked."]
        lines.append("")
    lines += _examples(verdict.faults)
    if verdict.refused:
        lines.append(f"{verdict.refused:,} readings were not sent: the outbox of their node was full.")
    if verdict.passed:
        lines.append("All is well.")
    elif [*verdict.faults] == ["readings lost"] and not verdict.confirmed_but_lost:
        lines.append("NOT WELL, or not yet: readings that are not confirmed may still be in an outbox.")
    else:
        lines.append("NOT WELL.")
    return lines


def _counts(verdict: Verdict) -> Iterable[tuple[str, int, str]]:
    yield "attempted", verdict.attempted, "readings in the ledger"
    yield "confirmed", verdict.confirmed, "acknowledged to the node"
    yield "recovered", verdict.recovered, "stored, but the node got no confirmation"
    yield "rejected", len(verdict.rejected), "rejected by the ingestor and kept as rejected payloads"
    yield "not sent", verdict.refused, "the outbox of the node was full"
    yield "lost", len(verdict.lost), f"{len(verdict.confirmed_but_lost):,} of them were confirmed"
    yield "duplicated", len(verdict.duplicated), ""
    yield "unexpected", len(verdict.unexpected), "stored, but not as in the ledger"
    if verdict.outcomes.repeated:
        yield "repeated", verdict.outcomes.repeated, "sent more than once on purpose"
    if verdict.outcomes.payloads:
        yield "no readings", verdict.outcomes.payloads, "payloads that had to be rejected"
    if verdict.outcomes.counted:
        yield "counted", verdict.outcomes.counted, "rejected too fast to be kept one by one"
    yield "alerts", verdict.alerts, "stored readings above their threshold"
    yield "  missing", len(verdict.alerts_missing), ""
    if verdict.alerts_doubled is not None:
        yield "  doubled", len(verdict.alerts_doubled), "sent again with the same id"
    if verdict.alerts_wrong is not None:
        yield "  wrong", len(verdict.alerts_wrong), "without a stored anomaly"


def _examples(faults: dict[str, list[str]]) -> Iterable[str]:
    for name, ids in faults.items():
        yield f"{name}:"
        yield from (f"  {escape_text(each)}" for each in sorted(ids)[:EXAMPLES])
        if len(ids) > EXAMPLES:
            yield f"  … and {len(ids) - EXAMPLES:,} more"
