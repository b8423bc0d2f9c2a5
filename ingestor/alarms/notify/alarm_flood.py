"""The storm guard: when too many alarms of a site start at once, one summary takes their place."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from broker.alarm_messages import AlarmFloodState
from broker.connection import OutgoingMessage
from broker.topics import Topics
from ingestor.documents import format_timestamp

WITHIN_S = 60.0


@dataclass(slots=True)
class _SiteFlood:
    starts: deque[float] = field(default_factory=deque)
    since: datetime | None = None
    started: int = 0
    held_back: set[str] = field(default_factory=set)


class AlarmFloods:
    """How many alarms of each site started within the last minute.

    Args:
        topics: Where to.
        most: How many may, before a storm begins.

    Attributes:
        most: May be changed at any time.
    """

    def __init__(self, topics: Topics, most: int) -> None:
        self.most = most
        self._topics = topics
        self._sites: dict[str, _SiteFlood] = {}

    def starts(self, site: str, sensor_id: str, now: datetime, now_s: float) -> OutgoingMessage | None:
        """Note the start of an alarm; the summary, if a storm begins with it.

        Whether it is to be told by itself says ``holds_back``, afterwards.
        """
        at = self._sites.setdefault(site, _SiteFlood())
        at.starts.append(now_s)
        _forget(at.starts, now_s)
        if at.since is not None:
            at.started += 1
            at.held_back.add(sensor_id)
        elif len(at.starts) > self.most:
            at.since, at.started = now, len(at.starts)
            at.held_back.add(sensor_id)
            more = f"more than {self.most} alarms started within a minute"
            return self._summary(site, at, now, f"{more}; the next are not told one by one until it is over")
        return None

    def holds_back(self, site: str, sensor_id: str) -> bool:
        """Whether changes of this sensor's alarms are not told now."""
        at = self._sites.get(site)
        return at is not None and sensor_id in at.held_back

    def ended(self, now: datetime, now_s: float) -> list[tuple[str, OutgoingMessage, set[str]]]:
        """End the storms that are over.

        Returns:
            Of each its site, the summary, and the sensors whose alarms are to be told now.
        """
        over = []
        for site, at in list(self._sites.items()):
            _forget(at.starts, now_s)
            if at.since is not None and len(at.starts) <= self.most:
                text = f"the storm is over, in which {at.started} alarms started"
                summary = self._summary(site, at, now, text, storm=False)
                over.append((site, summary, at.held_back))
                self._sites[site] = _SiteFlood(at.starts)
            elif not at.starts:
                del self._sites[site]
        return over

    def _summary(
        self, site: str, at: _SiteFlood, now: datetime, message: str, *, storm: bool = True
    ) -> OutgoingMessage:
        state = AlarmFloodState(
            site=site,
            storm=storm,
            since=format_timestamp(at.since or now),
            updated=format_timestamp(now),
            started=at.started,
            message=message,
        )
        return OutgoingMessage(self._topics.alarm_flood(site), state.model_dump_json().encode(), retain=True)


def _forget(starts: deque[float], now_s: float) -> None:
    while starts and now_s - starts[0] > WITHIN_S:
        starts.popleft()
