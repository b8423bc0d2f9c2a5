"""The lines of a ledger: what a node tried to deliver, what must come of it, and what it knows of that.

One JSON object a line, in the order of events. ``sensor_node`` writes it, ``monitor verify`` compares it with
the database. A line that a power failure cut short is ignored.

    {"event": "invoke", "site": "lari", "reading": {…}, "faults": ["peak"],
     "must": {"fate": "stored", "flagged": true}}                made, and about to be sent
    {"event": "refused", "site": "lari", "reading": {…}}         made, but the outbox had no room
    {"event": "withheld", "site": "lari", "reading": {…}, …}     made, and never sent
    {"event": "malformed", "site": "lari", "sensor_id": "S-1", "at": "…", "digest": "…", "faults": ["nan"],
     "must": {"fate": "rejected", "kind": "invalid"}}            sent, though it is no reading
    {"event": "trouble", "site": "lari", "sensor_id": "S-1", "rule": "silent", "begins": "…", "ends": "…"}
    {"event": "confirmed", "site": "lari", "sensor_id": "S-1", "sequences": [[1, 10]]}
    {"event": "rejected", …}     the ingestor rejected these and keeps them
    {"event": "unknown", …}      the node ended before it knew

A ledger of an earlier version has neither ``faults`` nor ``must``.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from broker.messages import Reading, SequenceRange, Timestamp, WireMessage
from broker.topics import SensorId, SiteId

OutcomeEvent = Literal["confirmed", "rejected", "unknown"]
AttemptEvent = Literal["invoke", "refused", "withheld"]


class ExpectedOutcome(WireMessage):
    """What must come of something that was sent.

    Attributes:
        fate: ``stored`` exactly once, ``rejected`` and kept, or ``absent``: it was never sent.
        kind: The kind of rejection.
        late: Whether it is older than ten minutes when it arrives; None if that depends on the way.
        copies: How often it is sent at least.
    """

    fate: Literal["stored", "rejected", "absent"]
    kind: str | None = None
    flagged: bool = False
    late: bool | None = None
    copies: Annotated[int, Field(ge=1)] = 1


class AttemptEntry(WireMessage):
    """One reading, as it is sent. A node that starts again may write it a second time."""

    event: AttemptEvent
    site: SiteId
    reading: Reading
    faults: tuple[str, ...] = ()
    must: ExpectedOutcome | None = None


class MalformedEntry(WireMessage):
    """One payload that is no reading, sent once or more.

    Attributes:
        at: When it was made, by the node's clock.
        digest: Of the payload, as ``payload_digest`` makes it.
    """

    event: Literal["malformed"]
    site: SiteId
    sensor_id: SensorId
    at: Timestamp
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    faults: tuple[str, ...]
    must: ExpectedOutcome


class ExpectedAlarmEntry(WireMessage):
    """An alarm that must be raised for a sensor or node, and that no reading shows.

    Attributes:
        begins: When its cause begins, by the node's clock.
        must: Whether the alarm must be raised; else it may be.
    """

    event: Literal["trouble"]
    site: SiteId
    sensor_id: SensorId
    rule: Literal["silent", "offline"]
    begins: Timestamp
    ends: Timestamp
    must: bool


class OutcomeEntry(WireMessage):
    """What became of readings of one sensor, as inclusive ranges of their sequences."""

    event: OutcomeEvent
    site: SiteId
    sensor_id: SensorId
    sequences: list[SequenceRange]


LedgerEntry = Annotated[
    AttemptEntry | MalformedEntry | ExpectedAlarmEntry | OutcomeEntry, Field(discriminator="event")
]
entry_adapter: TypeAdapter[LedgerEntry] = TypeAdapter(LedgerEntry)


class GroundTruth(WireMessage):
    """What was done to a reading, and what must come of it."""

    faults: tuple[str, ...] = ()
    must: ExpectedOutcome


@lru_cache(maxsize=10_000)
def _encode_truth(truth: GroundTruth) -> bytes:
    # Without the braces.
    return truth.model_dump_json(exclude_defaults=True).encode()[1:-1]


def format_attempt(event: AttemptEvent, site: str, payload: bytes, truth: GroundTruth | None = None) -> bytes:
    """Write an attempt as one line, around the JSON that is sent."""
    known = b"" if truth is None else b"," + _encode_truth(truth)
    return b'{"event":"%b","site":"%b","reading":%b%b}\n' % (event.encode(), site.encode(), payload, known)


def payload_digest(payload: bytes) -> str:
    """Name a payload that has no name: SHA-256, in hexadecimal."""
    return sha256(payload).hexdigest()
