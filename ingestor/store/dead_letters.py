"""Dead letters: rejected payloads are kept as they came, unless they come too fast to be kept.

Those are counted, in one record for each topic and minute, with the beginning of the first as an example.
It is written before they are acknowledged, so nothing goes without a record. A sensor node keeps such
readings and sends them again: they are never confirmed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bson import ObjectId

from ingestor.delivery import Rejection, RejectKind
from ingestor.documents import RejectedDocument
from ingestor.receive.token_bucket import TokenBuckets
from ingestor.validate import sensor_key

# Bytes of rejected payloads and their topics that are kept. They stay for 30 days: at worst 20 GB in all.
TOPIC_BYTES_AT_ONCE = 4 << 20
TOPIC_BYTES_PER_S = 2 << 10
ALL_BYTES_AT_ONCE = 64 << 20
ALL_BYTES_PER_S = 8 << 10
# Each costs as much as that at least: there are index entries and notices.
MIN_BYTES = 1 << 10
# Topics with records of their own in a minute; the others of a site share one.
MAX_RECORDS = 1000
EXAMPLE_BYTES = 1 << 10
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """What becomes of some rejected payloads.

    Attributes:
        kept: Those that are kept as they are.
        counts: The records of all others, to be written in place of what they were before.
        flooding: One of the others for each topic; ``begun`` has those of which people are to be told now.
        counted: How many the others are.
    """

    kept: list[Rejection] = field(default_factory=list)
    counts: list[RejectedDocument] = field(default_factory=list)
    flooding: list[Rejection] = field(default_factory=list)
    begun: list[Rejection] = field(default_factory=list)
    counted: int = 0


def to_document(rejection: Rejection, received_at: datetime) -> RejectedDocument:
    """Make the document of a rejected payload that is kept."""
    document: RejectedDocument = {
        "_id": ObjectId(),
        "topic": rejection.topic,
        "payload": rejection.payload,
        "kind": rejection.kind.value,
        "reason": rejection.reason,
        "received_at": received_at,
    }
    if rejection.row is not None:
        document["row"] = rejection.row
    if rejection.sequence is not None:
        document["sequence"] = rejection.sequence
    return document


class DeadLetterPolicy:
    """Tells what is kept from what is counted."""

    def __init__(self) -> None:
        self._of_topic = TokenBuckets(TOPIC_BYTES_PER_S, TOPIC_BYTES_AT_ONCE)
        self._of_all = TokenBuckets(ALL_BYTES_PER_S, ALL_BYTES_AT_ONCE)
        self._records: dict[str, RejectedDocument] = {}
        self._minute = datetime.min  # noqa: DTZ901 - before any

    def sort(self, rejections: Sequence[Rejection], now: datetime) -> DeadLetters:
        """Sort rejections.

        Args:
            rejections: All of one batch.
            now: When it came, UTC, naive.
        """
        kept = [each for each in rejections if each.kind is not RejectKind.FLOOD and self._has_room(each)]
        if len(kept) == len(rejections):
            return DeadLetters(kept)
        ours = set(map(id, kept))
        return self._count(kept, [each for each in rejections if id(each) not in ours], now)

    def _has_room(self, rejection: Rejection) -> bool:
        size = max(MIN_BYTES, len(rejection.topic) + len(rejection.payload))
        # Topics that are no sensor's have one bucket: there is no end to them.
        topic = rejection.topic if sensor_key(rejection.topic) else ""
        return self._of_topic.take(topic, size) and self._of_all.take("", size)

    def _count(self, kept: list[Rejection], others: Iterable[Rejection], now: datetime) -> DeadLetters:
        if now - self._minute >= MINUTE:
            self._minute = now
            self._records.clear()
        touched: dict[str, Rejection] = {}
        begun = []
        counted = 0
        for each in others:
            counted += 1
            topic = self._topic(each.topic)
            touched.setdefault(topic, each)
            record = self._records.get(topic)
            if record is None:
                record = self._records[topic] = _begin(topic, each, now)
                begun.append(each)
            record["count"] += 1
            record["bytes"] += len(each.payload)
        for topic, each in touched.items():
            _sum_up(self._records[topic], each.reason, now)
        counts = [self._records[topic] for topic in touched]
        return DeadLetters(kept, counts, list(touched.values()), begun, counted)

    def _topic(self, topic: str) -> str:
        if topic in self._records or len(self._records) < MAX_RECORDS:
            return topic
        return topic.rpartition("/")[0] + "/#"


def _begin(topic: str, rejection: Rejection, now: datetime) -> RejectedDocument:
    return {
        "_id": ObjectId(),
        "topic": topic,
        "payload": rejection.payload[:EXAMPLE_BYTES],
        "kind": RejectKind.FLOOD.value,
        "reason": "",
        "received_at": now,
        "until": now,
        "count": 0,
        "bytes": 0,
    }


def _sum_up(record: RejectedDocument, reason: str, now: datetime) -> None:
    record["until"] = now
    record["reason"] = (
        f"{record['count']:,} payloads within a minute, {record['bytes']:,} bytes, only counted: {reason}"
    )
