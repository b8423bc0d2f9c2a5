"""How much a sensor and its site may have read that is no reading.

A large payload that is no reading takes up to some 50 ms to read, and meanwhile everybody waits.
"""

from dataclasses import dataclass, field

from broker.topics import SensorKey
from ingestor.delivery import Delivery, Rejection, RejectKind
from ingestor.receive.token_bucket import TokenBuckets

TOPIC_BYTES_AT_ONCE = 512 << 10
TOPIC_BYTES_PER_S = 32 << 10
SITE_BYTES_AT_ONCE = 1 << 20
SITE_BYTES_PER_S = 128 << 10


def _of_topics() -> TokenBuckets:
    return TokenBuckets(TOPIC_BYTES_PER_S, TOPIC_BYTES_AT_ONCE)


def _of_sites() -> TokenBuckets:
    return TokenBuckets(SITE_BYTES_PER_S, SITE_BYTES_AT_ONCE)


@dataclass(slots=True)
class RejectedBytes:
    """Bytes of payloads of which something was rejected after it was read.

    Attributes:
        topics: How many each topic may still bring.
        sites: How many each site may still bring.
        exhausted: Topics and sites that brought too many; nothing else is read of them for a while.
    """

    topics: TokenBuckets = field(default_factory=_of_topics)
    sites: TokenBuckets = field(default_factory=_of_sites)
    exhausted: set[str] = field(default_factory=set)

    def on_rejected(self, key: SensorKey, delivery: Delivery) -> None:
        """Note a payload of which something was rejected."""
        for buckets, name in ((self.topics, delivery.packet.topic), (self.sites, key.site)):
            left = buckets.left[name] = buckets.refill(name) - len(delivery.packet.payload)
            if left < 0:
                self.exhausted.add(name)

    def reject(self, key: SensorKey, delivery: Delivery) -> Rejection | None:
        """Look at a delivery while something is ``exhausted``; why it is not read, or None if it may be."""
        for buckets, name in ((self.topics, delivery.packet.topic), (self.sites, key.site)):
            if name not in self.exhausted:
                continue
            if buckets.refill(name) < 0:
                reason = (
                    f"too much came that is no reading: of that there may be {buckets.burst:,.0f} bytes "
                    f"at once, and for long {buckets.per_s:,.0f} a second"
                )
                return delivery.reject(RejectKind.FLOOD, reason)
            self.exhausted.discard(name)
        return None
