"""Hold ledgers against the database: did of every reading come what had to, and was every alert sent?

The words are those of Jepsen's checkers for sets and queues: what was tried and is not there is lost,
what is there twice is duplicated, what nobody tried is unexpected, and what is there although its
node never learned it is recovered (which is well).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from broker.program.escape import escape_text
from ingestor.documents import Measure, format_timestamp, is_late, measure_id
from monitor.verify.alarm_verdict import AlarmVerdict
from monitor.verify.attempts import Attempts, ReadingKey
from monitor.verify.confusion_matrix import ABSENT, FLAGGED, NORMAL, REJECTED, Outcomes
from monitor.verify.ledger_reader import RecordedAlerts
from monitor.verify.rejections import RejectionCheck

EXAMPLES = 5
LATE_OTHERWISE = "alerts with the wrong `late`"
NOT_IN_A_LEDGER = "rejected, and in no ledger"


@dataclass(slots=True)
class Verdict:
    """What came of the readings in some ledgers, each list by id.

    Attributes:
        not_sent: How many found their outbox full.
        recovered: Stored, though the node never learned it.
        lost: Neither stored nor rejected.
        unexpected: Stored for these sensors in that time, but in no ledger, or with another value.
        alerts_missing: Anomalies whose alert was not sent.
        alerts_doubled: Alerts that came more than once; None if nobody listened.
        alerts_wrong: Alerts that no stored anomaly explains; None if nobody listened.
        alarms: None if they are not judged.
    """

    attempted: int
    confirmed: int
    not_sent: int
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
        """What is wrong: descriptions, and the ids."""
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
        return not self.faults and not self.not_sent


class Verifier:
    """Compares, one stored reading after the other, so that the database's side needs no memory.

    Args:
        attempts: What the ledgers say; what is found of each reading is noted in it.
        recorded: The alerts that somebody recorded; None if nobody.
    """

    def __init__(self, attempts: Attempts, recorded: RecordedAlerts | None) -> None:
        self._attempts = attempts
        self._recorded = recorded
        self._anomalies: set[str] = set()
        self._strange: list[tuple[datetime, str]] = []
        sent = [tried for tried in attempts.by_identity.values() if tried.expected != ABSENT]
        confirmed = sum(tried.reported == "confirmed" for tried in sent)
        self.verdict = Verdict(len(sent), confirmed, attempts.not_sent)

    def check(self, measure: Measure) -> None:
        """Compare one stored reading."""
        key = ReadingKey(measure["sensor_id"], format_timestamp(measure["timestamp"]))
        tried = self._attempts.by_identity.get(key)
        if tried is None:
            self._strange.append((measure["received_at"], measure_id(*key)))
            return
        if tried.value_kwh != measure["value_kwh"] or tried.site != measure["site"]:
            self.verdict.unexpected.append(measure_id(*key))
            return
        tried.times_stored += 1
        if tried.times_stored == 1:
            tried.outcome = FLAGGED if measure["is_anomaly"] else NORMAL
            tried.is_late = is_late(measure)
            self.verdict.recovered += tried.reported == "unknown"
            self._attempts.note_arrival(measure["received_at"])
        elif tried.times_stored == 2:  # noqa: PLR2004 - named once, however often
            self.verdict.duplicated.append(measure_id(*key))
        if measure["is_anomaly"]:
            self._check_alert(measure)

    def _check_alert(self, measure: Measure) -> None:
        name, recorded = measure["_id"], self._recorded
        self._anomalies.add(name)
        if not (
            measure.get("alerted_at") if recorded is None else recorded[name, True] + recorded[name, False]
        ):
            self.verdict.alerts_missing.append(name)
        elif recorded is not None and recorded[name, not is_late(measure)]:
            self.verdict.outcomes.wrong[LATE_OTHERWISE].append(name)

    def conclude(self, rejections: RejectionCheck) -> Verdict:
        """Say what came of all; the check of the rejections must have seen all of them."""
        verdict = self.verdict
        rejections.count_floods()
        for key, tried in self._attempts.by_identity.items():
            name = measure_id(*key)
            if tried.outcome.startswith(REJECTED):
                verdict.rejected.append(name)
            elif tried.outcome == ABSENT != tried.expected:
                verdict.lost.append(name)
                if tried.reported == "confirmed":
                    verdict.confirmed_but_lost.append(name)
            verdict.outcomes.judge(name, tried)
        for payload_key, payload in self._attempts.payloads.items():
            names = [measure_id(payload_key.sensor_id, moment) for moment in payload.moments]
            verdict.outcomes.judge_payload(names, payload)
        self._name_strange(rejections)
        verdict.alerts = len(self._anomalies)
        if self._recorded is not None:
            ours = Counter(name for name, _ in self._recorded.elements() if self._is_ours(name))
            verdict.alerts_doubled = sorted(name for name, count in ours.items() if count > 1)
            verdict.alerts_wrong = sorted(set(ours) - self._anomalies)
        return verdict

    def _name_strange(self, rejections: RejectionCheck) -> None:
        """Name what is in no ledger, but for what came before or after all that is: it is of others."""
        if not self._attempts.has_truth:
            # Where no clock may be wrong, the time of the readings tells.
            self.verdict.unexpected += [name for _, name in self._strange]
            return
        first, last = self._attempts.came or (datetime.min, datetime.max)  # noqa: DTZ901 - of all times
        self.verdict.unexpected += [name for at, name in self._strange if at >= first]
        strange = [name for at, name in rejections.strange if first <= at <= last]
        self.verdict.outcomes.wrong[NOT_IN_A_LEDGER] += strange

    def _is_ours(self, alert_id: str) -> bool:
        sensor_id, _, moment = alert_id.rpartition("@")
        return ReadingKey(sensor_id, moment) in self._attempts.by_identity


def verdict_lines(verdict: Verdict) -> list[str]:
    """Tell a verdict to people."""
    lines = [f"{name:<11} {count:>11,}   {meaning}".rstrip() for name, count, meaning in _counts(verdict)]
    if verdict.outcomes.cells:
        lines += verdict.outcomes.lines()
        lines += verdict.alarms.lines() if verdict.alarms else ["", "Alarms are not checked."]
        lines.append("")
    lines += _examples(verdict.faults)
    if verdict.not_sent:
        lines.append(f"{verdict.not_sent:,} readings were not sent: the outbox of their node was full.")
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
    yield "not sent", verdict.not_sent, "the outbox of the node was full"
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
