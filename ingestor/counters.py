"""The counters of one process: what came in, and what became of it.

They balance at any moment: received = stored + duplicates + rejected + pending. Each of the five is
counted where it happens, none is computed from the others.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Counts of readings since the process began. A payload that cannot be read counts as one.

    Attributes:
        received: Came from the broker.
        stored: Are in ``measures`` because of this process.
        duplicates: Were there already, with the same value.
        rejected: Are in ``rejected`` instead.
        deferred: Payloads that are set aside, and written down as they came.
        waiting: Payloads that are not opened yet.
        in_flight: Readings of the batch that is being stored.
        alerts: Alerts published.
        late: Readings that were older than ten minutes at arrival.
        flooded: Of the rejected, those that were only counted, since there were too many to keep each.
        turned_away: Deliveries that found the queue full; the broker sends them again, so they are
            not received yet.
    """

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    deferred: int = 0
    waiting: int = 0
    in_flight: int = 0
    alerts: int = 0
    late: int = 0
    flooded: int = 0
    turned_away: int = 0

    @property
    def pending(self) -> int:
        """Readings that are neither stored nor rejected yet."""
        return self.waiting + self.deferred + self.in_flight

    @property
    def balance(self) -> int:
        """What is missing (or too much): 0 unless there is a fault in this program."""
        return self.received - self.stored - self.duplicates - self.rejected - self.pending

    def __str__(self) -> str:
        return (
            f"{self.received:,} readings received: {self.stored:,} stored, {self.duplicates:,} duplicates, "
            f"{self.rejected:,} rejected, {self.pending:,} pending; {self.alerts:,} alerts."
        )
