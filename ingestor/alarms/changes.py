"""Changes of alarms: what is written down and published, who takes it, and the clock they go by."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from broker.connection import OutgoingMessage
from ingestor.alarms.notify.notifier import Notice
from ingestor.documents import AlarmDocument, utc_now


class AlarmChange(NamedTuple):
    """What is to be kept and told, in this order.

    Attributes:
        document: The episode as it is now.
        message: Its sensor's state; None if it is not told now.
        notice: What is sent to phones, if anything is.
    """

    document: AlarmDocument
    message: OutgoingMessage | None
    notice: Notice | None = None


class AlarmCorrection(NamedTuple):
    """What the rules over readings say of a sensor after they were folded anew, and did not say before.

    Attributes:
        new: Episodes that nobody knew of, oldest first; some are over already.
        changed: Episodes that were otherwise, or never were.
        over: The ids of those among them that went on as far as anybody knew.
    """

    new: Sequence[AlarmDocument]
    changed: Sequence[AlarmDocument]
    over: set[str]


class ChangeSink(Protocol):
    """Takes changes; never makes anybody wait."""

    def add(self, change: AlarmChange) -> None:
        """Write a change down and then tell it."""

    def add_message(self, message: OutgoingMessage) -> None:
        """Tell something that is written nowhere."""


@dataclass(frozen=True, slots=True)
class AlarmClock:
    """What time it is: as documents have it, and in seconds that no one sets back."""

    now: Callable[[], datetime] = utc_now
    seconds: Callable[[], float] = time.monotonic
