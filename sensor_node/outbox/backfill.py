"""The rate limit of the back-fill, which leaves room for live readings."""

BURST = 500


class BackfillBucket:
    """A token bucket."""

    def __init__(self, rate_per_s: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._filled_s = now_s
        # Full at first: after a short disconnection, everything goes out at once.
        self._tokens = float(BURST)

    def available(self, now_s: float) -> int:
        """How many readings may be sent now; at most 500."""
        earned = (now_s - self._filled_s) * self._rate_per_s
        self._filled_s = now_s
        self._tokens = min(BURST, self._tokens + earned)
        return int(self._tokens)

    def spend(self, readings: int) -> None:
        """Take the tokens of readings that were sent."""
        self._tokens -= readings
