"""The readings that were sent on this connection and are not confirmed: which of them are missing.

The broker and the ingestor handle the readings of a node in the order in which it sent them. So a reading is
missing only if one that was sent later is confirmed. Until then it may wait behind a backlog, however long
that takes; a second copy would make the backlog longer.
"""

from collections import deque
from collections.abc import Iterable
from itertools import takewhile

from broker.topics import SensorKey

EntryKey = tuple[SensorKey, int]

# No reading is sent again more often than that.
RESEND_AFTER_S = 30.0
# Twice as long as the ingestor gathers the confirmations of a sensor.
CONFIRMED_WITHIN_S = 10.0
# While nothing is confirmed, one reading is sent again after 10 s, 20 s, and so on up to 21 minutes.
MAX_PROBE_STEPS = 7
# How exactly it is remembered when a reading was confirmed.
RESOLUTION_S = 1.0


class InFlight:
    """Sent readings without a confirmation, in the order of sending. All times are of the monotonic clock."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all: nothing is known of what was sent on the connection before."""
        self._sent_s: dict[EntryKey, float] = {}
        # When a confirmation came, and when the newest reading that was confirmed by then had been sent.
        self._confirmed: deque[tuple[float, float]] = deque()
        self._handled_s = float("-inf")
        self._quiet_since_s = float("-inf")
        self._probes = 0

    def add(self, keys: Iterable[EntryKey], now_s: float) -> None:
        """Note readings that are sent now."""
        for key in keys:
            self._sent_s[key] = self._quiet_since_s = now_s

    def confirm(self, keys: Iterable[EntryKey], now_s: float) -> None:
        """Remove confirmed readings, whether they were sent on this connection or not."""
        sent_s = [self._sent_s.pop(key) for key in keys if key in self._sent_s]
        self._probes, self._quiet_since_s = 0, now_s
        if sent_s and (not self._confirmed or max(sent_s) > self._confirmed[-1][1]):
            came_s = now_s
            if self._confirmed and now_s - self._confirmed[-1][0] < RESOLUTION_S:
                came_s, _ = self._confirmed.pop()
            self._confirmed.append((came_s, max(sent_s)))

    def take_missing(self, now_s: float) -> list[EntryKey]:
        """Remove the readings that are missing, the oldest first."""
        while self._confirmed and now_s - self._confirmed[0][0] >= CONFIRMED_WITHIN_S:
            _, self._handled_s = self._confirmed.popleft()

        def is_missing(sent: tuple[EntryKey, float]) -> bool:
            return sent[1] <= self._handled_s and now_s - sent[1] >= RESEND_AFTER_S

        missing = [key for key, _ in takewhile(is_missing, self._sent_s.items())]
        for key in missing:
            del self._sent_s[key]
        return missing

    def probe(self, now_s: float) -> EntryKey | None:
        """The newest reading, if it is time to send it again as nothing was sent or confirmed for a while.

        Its confirmation shows which of the others are missing. It stays what it was: the first copy may be
        the one that is confirmed.
        """
        if not self._sent_s or now_s - self._quiet_since_s < CONFIRMED_WITHIN_S * 2**self._probes:
            return None
        self._probes, self._quiet_since_s = min(self._probes + 1, MAX_PROBE_STEPS), now_s
        return next(reversed(self._sent_s))
