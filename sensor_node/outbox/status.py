"""The state of a node, for its log and its retained status."""

from datetime import UTC, datetime

from broker.messages import NodeStatus, Reading
from sensor_node.outbox.outbox import Outbox


class OutboxStatus:
    """Describes the outbox of a node."""

    def __init__(self, outbox: Outbox, sensors: int) -> None:
        self._outbox = outbox
        self._sensors = sensors
        self.connected_at = datetime.now(UTC)

    def oldest_age_s(self) -> float | None:
        """Age of the oldest unconfirmed reading, seconds; None without one."""
        oldest = self._outbox.oldest
        if oldest is None:
            return None
        made = Reading.model_validate_json(oldest.payload).timestamp
        return round((datetime.now(UTC) - made).total_seconds(), 1)

    def to_message(self) -> NodeStatus:
        """The retained status message."""
        return NodeStatus(
            state="online",
            sensors=self._sensors,
            since=self.connected_at,
            updated=datetime.now(UTC),
            outbox_depth=len(self._outbox),
            oldest_age_s=self.oldest_age_s(),
            refused=self._outbox.dropped,
        )

    def __str__(self) -> str:
        age_s = self.oldest_age_s()
        oldest = "" if age_s is None else f", the oldest {age_s:,.0f} s old"
        full = f"; {self._outbox.dropped:,} LOST: the outbox was full" if self._outbox.dropped else ""
        return f"{len(self._outbox):,} not confirmed yet{oldest}{full}"
