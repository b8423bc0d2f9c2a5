"""The storm guard: when too many alarms of a site start at once, one summary takes their place."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from broker.alarm_messages import AlarmFloodState
from broker.connection import OutgoingMessage
from broker.topics import Topics
from ingestor.documents import AlarmDocument, format_timestamp, sensor_of

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

    def starts(self, document: AlarmDocument, now: datetime, now_s: float) -> OutgoingMessage | None:
        """Note the start of an episode, held back during a storm; the summary, if one begins with it."""
        at = self._sites.setdefault(document["site"], _SiteFlood())
        at.starts.append(now_s)
        _forget(at.starts, now_s)
        begins = at.since is None and len(at.starts) > self.most
        if begins:
            at.since, at.started = now, len(at.starts) - 1
        document["in_storm"] = at.since is not None
        if at.since is not None:
            at.started += 1
            at.held_back.add(document["_id"])
        text = f"more than {self.most} alarms started within a minute; the next are not told one by one"
        return self._summary(document["site"], at, now, f"{text} until it is over") if begins else None

    def holds_back(self, document: AlarmDocument) -> bool:
        """Whether changes of an episode are not told now."""
        at = self._sites.get(document["site"])
        return at is not None and document["_id"] in at.held_back

    def acknowledge(self, document: AlarmDocument) -> None:
        """Hold an episode back no longer."""
        if at := self._sites.get(document["site"]):
            at.held_back.discard(document["_id"])

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
                over.append((site, summary, {sensor_of(alarm) for alarm in at.held_back}))
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
