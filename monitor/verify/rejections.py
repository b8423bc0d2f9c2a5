"""What the ingestor rejected and kept, held against what had to be rejected."""

from collections import Counter, defaultdict
from datetime import datetime

from broker.ledger import payload_digest
from broker.topics import Topics
from ingestor.documents import RejectedDocument, format_timestamp
from monitor.verify.attempts import AttemptedReading, Attempts, MalformedPayload, PayloadKey
from monitor.verify.confusion_matrix import ABSENT, COUNTED, REJECTED, rejected

# Of what is no sensor's fault, the alarms of sensors say nothing.
NOT_OF_SENSORS = frozenset({"status", "command", "foreign"})


class RejectionCheck:
    """Compares one rejected payload after the other; what is stored must be known by then.

    Args:
        attempts: What the ledgers say; what is found is noted in it.
        topics: Where readings were sent.

    Attributes:
        times: When payloads were rejected (UTC, naive), by sensor and by the rule that tells of it.
        strange: What no ledger explains: when it came, and which it is.
    """

    def __init__(self, attempts: Attempts, topics: Topics) -> None:
        self._attempts = attempts
        self._topics = topics
        self._missing: dict[tuple[str, int], AttemptedReading] = {
            (topics.readings(tried.site, key.sensor_id), tried.sequence): tried
            for key, tried in attempts.by_identity.items()
            if not tried.times_stored
        }
        self._floods: list[RejectedDocument] = []
        self.times = defaultdict[tuple[str, str], list[datetime]](list)
        self.strange: list[tuple[datetime, str]] = []

    @property
    def wanted(self) -> list[str]:
        """The topics to ask for."""
        if not self._attempts.has_truth:
            return sorted({topic for topic, _ in self._missing})
        sensors = self._attempts.sensors
        # On "#" the ingestor counts what came of a site on very many topics.
        shared = {self._topics.readings(each.site, "#") for each in sensors}
        return sorted({self._topics.readings(*each) for each in sensors} | shared)

    @property
    def flooded(self) -> set[str]:
        """Sensors of which payloads came too fast to be kept; ``#`` if nobody knows which."""
        return {self._topics.sensor_key(each["topic"]).name for each in self._floods}

    def check(self, document: RejectedDocument) -> None:
        """Compare one rejected payload."""
        kind, at = document["kind"], document["received_at"]
        sensor_id = self._topics.sensor_key(document["topic"]).name
        if kind == "flood":
            self._floods.append(document)
            return
        if kind not in NOT_OF_SENSORS:
            self.times[sensor_id, "clock" if kind == "time" else "rejecting"].append(at)
        if self._explain(document):
            self._attempts.note_arrival(at)
        else:
            self.strange.append((at, f"{sensor_id}, rejected at {format_timestamp(at)}: {kind}"))

    def _explain(self, document: RejectedDocument) -> bool:
        """Note at what was sent that it was rejected, and why."""
        if payload := self._find_malformed(document):
            payload.kinds.append(document["kind"])
            return True
        tried = self._missing.get((document["topic"], document.get("sequence", -1)))
        # Sent once more, it is rejected once more, and not always for the same reason.
        if tried is not None and not tried.outcome.startswith(REJECTED):
            tried.outcome = rejected(document["kind"])
        return tried is not None

    def _find_malformed(self, document: RejectedDocument) -> MalformedPayload | None:
        if not self._attempts.payloads:
            return None
        key = PayloadKey(*self._topics.sensor_key(document["topic"]), payload_digest(document["payload"]))
        return self._attempts.payloads.get(key)

    def count_floods(self) -> None:
        """Note of what is missing that it was counted, as far as so much was counted."""
        if self._attempts.came is not None:
            # Floods before the first of what is in the ledgers are of others.
            since = self._attempts.came[0]
            self._floods = [each for each in self._floods if each.get("until", since) >= since]
        counted: Counter[str] = Counter()
        for each in self._floods:
            counted[each["topic"]] += each.get("count", 0)
        if not counted:
            return
        for reading, tried in self._attempts.by_identity.items():
            is_missing = tried.outcome == ABSENT and tried.expected == "rejected"
            if is_missing and self._take(counted, tried.site, reading.sensor_id):
                tried.outcome = COUNTED
        for key, payload in self._attempts.payloads.items():
            while len(payload.kinds) < len(payload.moments) and self._take(counted, key.site, key.sensor_id):
                payload.kinds.append(COUNTED)

    def _take(self, counted: Counter[str], site: str, sensor_id: str) -> bool:
        for topic in (self._topics.readings(site, sensor_id), self._topics.readings(site, "#")):
            if counted[topic] > 0:
                counted[topic] -= 1
                return True
        return False
