"""How many warnings of one kind a process writes: others can provoke some of them as often as they like."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

BURST = 20
EVERY_S = 10.0
# Libraries write what others sent into their messages: of so many kinds each has its own limit.
MAX_KINDS = 1000


@dataclass(slots=True)
class _Kind:
    tokens: float
    at_s: float
    left_out: int = 0


class LogLimit(logging.Filter):
    """Passes 20 warnings of one kind at once, and one every 10 s in the long run; says how many it left out.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.levelno < logging.WARNING:
            return True
        now_s, key = self._clock(), (record.name, str(record.msg))
        if key not in self._kinds and len(self._kinds) >= MAX_KINDS:
            key = (record.name, "")
        kind = self._kinds.setdefault(key, _Kind(BURST, now_s))
        kind.tokens = min(BURST, kind.tokens + (now_s - kind.at_s) / EVERY_S)
        kind.at_s = now_s
        if kind.tokens < 1:
            kind.left_out += 1
            return False
        kind.tokens -= 1
        if kind.left_out:
            record.msg = f"{record.msg} ({kind.left_out} more of these were left out)"
            kind.left_out = 0
        return True
