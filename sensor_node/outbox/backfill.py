"""How fast a node may send what is not new: a steady rate, so that live readings keep their place."""

BURST = 500


class BackfillBucket:
    """A token bucket.

    Args:
        rate_per_s: Readings a second.
        now_s: The monotonic clock, seconds.
    """

    def __init__(self, rate_per_s: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._filled_s = now_s
        # What found no connection for a moment goes out as soon as there is one.
        self._tokens = float(BURST)

    def available(self, now_s: float) -> int:
        """How many readings may be sent at this moment; never more than 500."""
        earned = (now_s - self._filled_s) * self._rate_per_s
        self._filled_s = now_s
        self._tokens = min(BURST, self._tokens + earned)
        return int(self._tokens)

    def spend(self, readings: int) -> None:
        """Note that readings were sent."""
        self._tokens -= readings
