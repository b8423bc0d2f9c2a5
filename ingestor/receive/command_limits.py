"""How many commands may come: a person's are few. The broker does not say who sends, only to which sensor."""

from dataclasses import dataclass, field

from ingestor.delivery import Delivery, Rejection, RejectKind
from ingestor.receive.token_bucket import TokenBuckets

MAX_COMMAND_BYTES = 4096
MAX_WAITING = 500
SENSOR_PER_S = 1.0
SENSOR_AT_ONCE = 60
ALL_PER_S = 20.0
ALL_AT_ONCE = 500


def _of_sensors() -> TokenBuckets:
    return TokenBuckets(SENSOR_PER_S, SENSOR_AT_ONCE)


def _of_all() -> TokenBuckets:
    return TokenBuckets(ALL_PER_S, ALL_AT_ONCE)


@dataclass(slots=True)
class CommandLimits:
    """Decides before a command is read, so that a flood of them costs next to nothing.

    Attributes:
        waiting: How many were let in and are not executed yet.
    """

    of_sensors: TokenBuckets = field(default_factory=_of_sensors)
    of_all: TokenBuckets = field(default_factory=_of_all)
    waiting: int = 0

    def reject(self, delivery: Delivery) -> Rejection | None:
        """Say why a command is not executed; None if it is one that waits from now on."""
        if (reason := self._reason(delivery)) is not None:
            return delivery.reject(RejectKind.COMMAND, reason)
        self.waiting += 1
        return None

    def _reason(self, delivery: Delivery) -> str | None:
        if len(delivery.packet.payload) > MAX_COMMAND_BYTES:
            return f"a command has at most {MAX_COMMAND_BYTES:,} bytes"
        if self.waiting >= MAX_WAITING:
            return f"{self.waiting:,} commands wait to be executed; send it again later"
        # Topics that are no sensor's share a bucket.
        if not self.of_sensors.take(delivery.packet.topic if delivery.key else "", 1):
            return (
                f"more than {SENSOR_PER_S:g} command a second for one sensor; "
                f"it may have {SENSOR_AT_ONCE} at once, so send it again later"
            )
        if not self.of_all.take("", 1):
            return (
                f"more than {ALL_PER_S:g} commands a second in all; "
                f"there may be {ALL_AT_ONCE} at once, so send it again later"
            )
        return None
