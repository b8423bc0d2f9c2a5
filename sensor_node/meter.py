"""One simulated meter: it counts its readings and never gives two the same time."""

import random
from datetime import UTC, datetime, timedelta

from broker.messages import Reading
from sensor_node.profile import Profile

MILLISECOND = timedelta(milliseconds=1)


def first_sequence(now: datetime) -> int:
    """Where a meter that remembers nothing begins to count: microseconds since 1970.

    A meter makes far less than a reading per microsecond, so one that starts again begins above
    all that it ever used, as long as the clock is not set back. It stays below 2**53, which every
    JSON reader keeps exactly.
    """
    return int(now.timestamp() * 1_000_000)


class Meter:
    """A meter that is read at intervals.

    Args:
        sensor_id: Its id.
        location: Where it is.
        profile: What it measures.
        seed: Makes its values the same at every run; None for others each time.
        sequence: The number of its next reading.
    """

    def __init__(
        self, sensor_id: str, location: str, profile: Profile, seed: int | None, sequence: int
    ) -> None:
        self.sensor_id = sensor_id
        self._location = location
        self._profile = profile
        # Text as a seed keeps its meaning over Python versions.
        self._rng = random.Random(None if seed is None else f"{seed}:{sensor_id}")
        self._sequence = sequence
        self._last = datetime.min.replace(tzinfo=UTC)

    def read(self, now: datetime) -> Reading:
        """Take a reading.

        Args:
            now: The clock, UTC. Two readings within one millisecond are set a millisecond apart,
                because sensor and time are what identifies a reading.
        """
        moment = max(now.replace(microsecond=now.microsecond // 1000 * 1000), self._last + MILLISECOND)
        reading = Reading(
            sensor_id=self.sensor_id,
            location=self._location,
            value_kwh=self._profile(self._rng),
            timestamp=moment,
            sequence=self._sequence,
        )
        self._last = moment
        self._sequence += 1
        return reading
