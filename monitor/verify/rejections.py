"""What the ingestor refused and kept, held against what had to be refused."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime

from broker.ledger import payload_digest
from broker.topics import Topics
from ingestor.documents import RejectedDocument, format_timestamp
from monitor.verify.attempts import AttemptedReading, Attempts, MalformedPayload, PayloadKey, ReadingKey
from monitor.verify.confusion_matrix import ABSENT, COUNTED, REJECTED, rejected

# Of what is no sensor's fault, the alarms of sensors say nothing.
NOT_OF_SENSORS = frozenset({"status", "command", "foreign"})


class RejectionCheck:
    """Compares, one refused payload after the other; what is stored must be known by then.

    Args:
        tries: What the ledgers say; what is found is noted in it.
        topics: Where readings were sent.

    Attributes:
        times: When payloads were refused (UTC, naive): by sensor, for their time and for anything else.
        flooded: Sensors of which payloads came too fast to be kept.
        strange: What no ledger explains: when it came, and which it is.
        came: When payloads came that a ledger does explain: the first and the last.
    """

    def __init__(self, tries: Attempts, topics: Topics) -> None:
        self._tries = tries
        self._topics = topics
        self._missing: dict[tuple[str, int], AttemptedReading] = {
            (topics.readings(tried.site, identity.sensor_id), tried.sequence): tried
            for identity, tried in tries.by_identity.items()
            if not tried.times_stored
        }
        self._spoiled_on = {topics.readings(each.site, each.sensor_id) for each in tries.payloads}
        self._floods: list[RejectedDocument] = []
        self.times: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        self.strange: list[tuple[datetime, str]] = []
        self.came: tuple[datetime, datetime] | None = None

    @property
    def wanted(self) -> list[str]:
        """The topics to ask for."""
        if self._tries.has_truth:
            return sorted({self._topics.readings(*place) for place in self._tries.places} | set(self._shared))
        return sorted({topic for topic, _ in self._missing})

    @property
    def _shared(self) -> Iterator[str]:
        # Where the ingestor counts what came of a site on very many topics.
        return (self._topics.readings(site, "#") for site in {site for site, _ in self._tries.places})

    @property
    def flooded(self) -> set[str]:
        """Sensors of which payloads came too fast to be kept; ``#`` if nobody knows which."""
        return {self._topics.sensor_key(each["topic"]).name for each in self._floods}

    def check(self, document: RejectedDocument) -> None:
        """Compare one refused payload."""
        topic, kind, at = document["topic"], document["kind"], document["received_at"]
        sensor_id = self._topics.sensor_key(topic).name
        if kind == "flood":
            self._floods.append(document)
            return
        if kind not in NOT_OF_SENSORS:
            self.times[sensor_id, "clock" if kind == "time" else "rejecting"].append(at)
        if self._explain(document):
            first, last = self.came or (at, at)
            self.came = min(first, at), max(last, at)
        else:
            self.strange.append((at, f"{sensor_id}, rejected at {format_timestamp(at)}: {kind}"))

    def _explain(self, document: RejectedDocument) -> bool:
        """Note at what was sent that it was refused, and why."""
        if spoiled := self._find_spoiled(document):
            spoiled.kinds.append(document["kind"])
            return True
        tried = self._missing.get((document["topic"], document.get("sequence", -1)))
        if tried is None:
            return False
        # Sent once more, it is refused once more, and not always for the same reason.
        tried.outcome = tried.outcome if tried.outcome.startswith(REJECTED) else rejected(document["kind"])
        return True

    def _find_spoiled(self, document: RejectedDocument) -> MalformedPayload | None:
        if document["topic"] not in self._spoiled_on:
            return None
        key = PayloadKey(*self._topics.sensor_key(document["topic"]), payload_digest(document["payload"]))
        return self._tries.payloads.get(key)

    def count_floods(self, since: datetime | None) -> None:
        """Note of what is missing that it was counted, as far as so much was counted.

        Args:
            since: When the first of what is in the ledgers came; floods before that are of others.
        """
        self._floods = [each for each in self._floods if since is None or each.get("until", since) >= since]
        counted: Counter[str] = Counter()
        for each in self._floods:
            counted[each["topic"]] += each.get("count", 0)
        if not counted:
            return
        for identity, tried in self._tries.by_identity.items():
            if (
                tried.outcome == ABSENT
                and tried.expected == "rejected"
                and self._take(counted, tried.site, identity)
            ):
                tried.outcome = COUNTED
        for key, spoiled in self._tries.payloads.items():
            while len(spoiled.kinds) < len(spoiled.moments) and self._take(counted, key.site, key):
                spoiled.kinds.append(COUNTED)

    def _take(self, counted: Counter[str], site: str, whose: ReadingKey | PayloadKey) -> bool:
        for topic in (self._topics.readings(site, whose.sensor_id), self._topics.readings(site, "#")):
            if counted[topic] > 0:
                counted[topic] -= 1
                return True
        return False
