"""The state of this ingestor: its counters, and whether the broker and the database answer."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from broker.connection import Connection
from broker.messages import IngestorStatus
from ingestor.counters import Counters
from ingestor.store.reading_store import ReadingStore
from ingestor.store.sensor_updates import SensorUpdates


@dataclass(slots=True)
class IngestorState:
    """Read by the health pages and for the retained status.

    Attributes:
        threshold_kwh: That of sensors which have none of their own, kWh.
        sensor_updates: What is known of sensors and not written yet.
        connection: The current one; None while the broker is away.
        is_subscribed: Whether the broker keeps readings for this ingestor. Before the very first time
            it does not, and what is published then is lost.
    """

    counters: Counters
    store: ReadingStore
    threshold_kwh: float
    sensor_updates: SensorUpdates
    connection: Connection | None = None
    is_subscribed: bool = False
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def dependencies(self) -> dict[str, bool]:
        """What the ingestor needs, and whether it answers."""
        hears = self.is_subscribed and self.connection is not None and not self.connection.is_lost
        return {"broker": hears, "database": self.store.is_available}

    def status(self, state: Literal["online", "offline"] = "online") -> IngestorStatus:
        """What is published, with the counters of this moment."""
        counters = self.counters
        return IngestorStatus(
            state=state,
            since=self.since,
            database=self.store.is_available,
            received=counters.received,
            stored=counters.stored,
            duplicates=counters.duplicates,
            rejected=counters.rejected,
            pending=counters.pending,
            alerts=counters.alerts,
            turned_away=counters.turned_away,
            threshold_kwh=self.threshold_kwh,
        )
