"""Check what a decoder cannot know: the message itself, its topic, and the ingestor's clock."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from broker.messages import MAX_PAYLOAD_BYTES
from broker.topics import SensorKey, Topics
from ingestor.delivery import INVALID_IDS, Delivery, Rejection, RejectKind

OLDEST = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
MAX_AHEAD = timedelta(minutes=5)


MAX_KEYS = 200_000


class _Keys(dict[str, SensorKey]):
    """The keys of topics. Those that have none are not remembered: there is no end to them."""

    def __missing__(self, topic: str) -> SensorKey | None:
        key = Topics.sensor_key(topic)
        if not key.is_valid:
            return None
        if len(self) >= MAX_KEYS:
            self.clear()
        self[topic] = key = SensorKey(sys.intern(key.site), key.name)
        return key


# The site and the sensor of a topic, one object for all its messages; None if they are no ids.
sensor_key: Callable[[str], SensorKey | None] = _Keys().__getitem__


def check_message(delivery: Delivery) -> SensorKey | Rejection:
    """Reject what need not be decoded at all; else say whose it is."""
    packet = delivery.packet
    if len(packet.payload) > MAX_PAYLOAD_BYTES:
        size = f"the payload has {len(packet.payload):,} bytes; at most {MAX_PAYLOAD_BYTES:,} are taken"
        return delivery.reject(RejectKind.TOO_LARGE, size)
    if packet.retain:
        retained = "a reading may not be retained; publish it without the retain flag"
        return delivery.reject(RejectKind.RETAINED, retained)
    return delivery.key or delivery.reject(RejectKind.TOPIC, INVALID_IDS)


def validate(delivery: Delivery, key: SensorKey, now: datetime) -> None:
    """Reject the rows that cannot be readings of this sensor at this time.

    Args:
        delivery: A decoded delivery.
        key: The site and the sensor of its topic.
        now: The ingestor's clock, UTC, naive.
    """
    name, rejections = key.name, {}
    for index, row in enumerate(delivery.rows):
        if isinstance(row, Rejection):
            continue
        reading, (at, _) = row
        if reading["sensor_id"] != name:
            reason = f"the topic says {name}, the payload says {reading['sensor_id']}"
            rejections[index] = delivery.reject_row(index, reading, RejectKind.TOPIC, reason)
        elif (at > now or at < OLDEST) and (wrong := _wrong_time(at, now)):
            rejections[index] = delivery.reject_row(index, reading, RejectKind.TIME, wrong)
    if rejections:
        delivery.rows = [rejections.get(index, row) for index, row in enumerate(delivery.rows)]


def _wrong_time(at: datetime, now: datetime) -> str | None:
    if at < OLDEST:
        return "timestamp is before the year 2000; is the sensor's clock set?"
    if at <= now + MAX_AHEAD:
        return None
    ahead = timedelta(seconds=round((at - now).total_seconds()))
    return f"timestamp {at:%Y-%m-%d %H:%M:%S} UTC is {ahead} ahead of this ingestor's clock"
