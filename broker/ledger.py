"""What a ledger file says: which readings a node tried to bring home, and what it knows of each.

One JSON object a line, in the order in which things happened. ``sensor_node`` writes it, ``monitor``
holds it against the database. A line that was cut short by a power failure is no entry.

    {"event": "invoke", "site": "lari", "reading": {…}}          made, and about to be sent
    {"event": "refused", "site": "lari", "reading": {…}}         made, but the outbox had no room
    {"event": "confirmed", "site": "lari", "sensor_id": "S-1", "sequences": [[1, 10]]}
    {"event": "rejected", …}     the ingestor refused these and keeps them
    {"event": "unknown", …}      the node ended before it knew
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from broker.messages import Message, Reading, SequenceRange
from broker.topics import SensorId, SiteId

Known = Literal["confirmed", "rejected", "unknown"]


class Attempt(Message):
    """One reading, as it is sent. A node that starts again may write what it finds a second time."""

    event: Literal["invoke", "refused"]
    site: SiteId
    reading: Reading


class Outcome(Message):
    """What became of readings of one sensor, by inclusive ranges of their sequences."""

    event: Known
    site: SiteId
    sensor_id: SensorId
    sequences: list[SequenceRange]


Entry = Annotated[Attempt | Outcome, Field(discriminator="event")]
entry_adapter: TypeAdapter[Attempt | Outcome] = TypeAdapter(Entry)


def attempt_line(event: Literal["invoke", "refused"], site: str, payload: bytes) -> bytes:
    """Write an attempt as one line, around the JSON that is sent."""
    return b'{"event":"%b","site":"%b","reading":%b}\n' % (event.encode(), site.encode(), payload)
