"""Publish alerts and notices of what was rejected, and mark the alerts that the broker has taken.

Nothing here holds up the storing of readings. An alert is written to the broker before its reading is
acknowledged; the broker's answer may come much later, behind whatever it has queued for us. Until
then the reading is stored as unmarked, and what stays unmarked is published again: at the start, on a
new connection, and when more alerts came than were kept here.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.connection import MAX_BATCH, Connection, OutgoingMessage
from broker.errors import BrokerLostError, BrokerRejectedError
from broker.messages import RejectionNotice
from broker.topics import Topics
from ingestor.alert.alert import to_alert
from ingestor.counters import Counters
from ingestor.delivery import Rejection
from ingestor.documents import Measure, utc_now
from ingestor.store.reading_store import ReadingStore

MAX_WAITING = 1000

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _PendingAlerts:
    """Messages on their way to the broker.

    Attributes:
        messages: At most 100.
        ids: The measures to be marked once the broker has the messages; none for notices.
        answer: What the broker's answer is waited for with; None before they were written.
    """

    messages: Sequence[OutgoingMessage]
    ids: Sequence[str]
    answer: asyncio.Future[str | None] | None = None


class AlertPublisher:
    """What is to be published, oldest first.

    Args:
        store: Where alerts are marked.
        topics: Where to.
        counters: Where alerts are counted.
        sites: Whose alerts to publish again: the ingestor's own sites, ``+`` for all.
    """

    def __init__(self, store: ReadingStore, topics: Topics, counters: Counters, sites: Sequence[str]) -> None:
        self._store = store
        self._topics = topics
        self._counters = counters
        self._sites = sites
        self._waiting: deque[_PendingAlerts] = deque()
        self._connection: Connection | None = None
        self._newest_received_at = utc_now()
        self._swept = True
        self._attention = asyncio.Event()
        self._at_rest = asyncio.Event()

    def attach(self, connection: Connection | None) -> None:
        """Use this connection from now on; what an earlier one left behind is published again."""
        self._connection = connection
        self._swept = connection is None
        # Alerts that the old connection did not finish are found by the sweep; notices are kept.
        notices = [each for each in self._waiting if not each.ids]
        self._waiting.clear()
        for each in notices:
            self._add(_PendingAlerts(each.messages, ()))
        self._attention.set()

    def alerts(self, measures: Sequence[Measure], received_at: datetime) -> None:
        """Publish the alerts of anomalies that are stored now.

        Args:
            measures: All new anomalies of one batch.
            received_at: The batch's time, later than that of any batch before.
        """
        self._newest_received_at = received_at
        for start in range(0, len(measures), MAX_BATCH):
            chunk = measures[start : start + MAX_BATCH]
            messages = [to_alert(each, self._topics) for each in chunk]
            if not self._add(_PendingAlerts(messages, [each["_id"] for each in chunk])):
                self._swept = False

    def notices(self, rejections: Sequence[Rejection]) -> None:
        """Publish why payloads were rejected. When too many wait, only the database tells."""
        messages = [self._notice(each) for each in rejections]
        for start in range(0, len(messages), MAX_BATCH):
            self._add(_PendingAlerts(messages[start : start + MAX_BATCH], ()))

    def _notice(self, rejection: Rejection) -> OutgoingMessage:
        notice = RejectionNotice(
            kind=rejection.kind.value, reason=rejection.reason, row=rejection.row, sequence=rejection.sequence
        )
        topic = self._topics.rejected(self._topics.sensor_key(rejection.topic))
        return OutgoingMessage(topic, notice.model_dump_json(exclude_none=True).encode())

    def _add(self, pending: _PendingAlerts) -> bool:
        if len(self._waiting) >= MAX_WAITING:
            return False
        if not self._waiting or self._waiting[-1].answer is not None:
            connection = self._connection
            if connection is not None and not connection.is_lost:
                pending.answer = connection.try_publish(pending.messages)
        self._waiting.append(pending)
        self._attention.set()
        return True

    async def work(self) -> None:
        """Publish, wait for answers and mark, for ever."""
        while True:
            await self._attention.wait()
            self._attention.clear()
            while (connection := self._connection) is not None and not self._is_done:
                try:
                    if self._waiting:
                        await self._finish_oldest(connection)
                    else:
                        await self._sweep(connection)
                except BrokerLostError:
                    break  # a new connection wakes us up
            self._at_rest.set()

    async def rest(self) -> None:
        """Wait until all is published, or can no longer be."""
        while self._connection is not None and not self._is_done:
            self._at_rest.clear()
            self._attention.set()
            await self._at_rest.wait()

    @property
    def _is_done(self) -> bool:
        return self._swept and not self._waiting

    async def _finish_oldest(self, connection: Connection) -> None:
        oldest = self._waiting[0]
        if oldest.answer is None:
            oldest.answer = await connection.start_publish(oldest.messages)
        with contextlib.suppress(BrokerRejectedError):
            await connection.wait_acknowledged(oldest.answer)
        # Mark all that is answered by now in one write.
        ids: list[str] = []
        while self._waiting and (answer := self._waiting[0].answer) is not None and answer.done():
            pending = self._waiting.popleft()
            if problem := answer.result():
                logger.warning("Not published: %s", problem)
            else:
                ids += pending.ids
        await self._mark(ids)

    async def _sweep(self, connection: Connection) -> None:
        """Publish the alerts that were left behind, oldest first."""
        self._swept = True
        measures = await self._store.unalerted(self._sites, self._newest_received_at)
        if not measures:
            return
        logger.info("Publishing %d alerts that were left behind.", len(measures))
        try:
            await connection.publish_many([to_alert(each, self._topics) for each in measures])
        except BrokerRejectedError as error:
            logger.warning("Not published: %s", error)
            return
        await self._mark([each["_id"] for each in measures])
        self._swept = False  # there may be more

    async def _mark(self, ids: Sequence[str]) -> None:
        if ids:
            await self._store.mark_alerted(ids, utc_now())
            self._counters.alerts += len(ids)
