"""Write changes of alarms down, and only then tell them: in order, each at least once."""

import asyncio
import logging
import time
from collections import deque
from itertools import islice

from broker.connection import MAX_BATCH, Connection, OutgoingMessage
from broker.errors import BrokerLostError, BrokerRejectedError
from ingestor.alarms.episode import AlarmChange
from ingestor.alarms.notify.notifier import Notifier
from ingestor.alarms.records import AlarmRecords

GATHER_S = 0.1
# A broker that is killed forgets what it kept of the last seconds.
TOLD_AGAIN_S = 60.0

logger = logging.getLogger(__name__)


class AlarmOutbox:
    """What is to be written and told.

    Args:
        records: Where to write.
        notifier: Sends to phones.

    Attributes:
        count: How many changes were taken so far.
    """

    def __init__(self, records: AlarmRecords, notifier: Notifier) -> None:
        self.count = 0
        self._records = records
        self._notifier = notifier
        self._changes: deque[AlarmChange] = deque()
        self._written = 0
        # Each with the number of its change.
        self._to_publish: deque[tuple[int, OutgoingMessage]] = deque()
        self._published_at: dict[str, float] = {}
        self._connection: Connection | None = None
        self._attention = asyncio.Event()
        self._progress = asyncio.Condition()

    def add(self, change: AlarmChange) -> None:
        """Take a change; never waits."""
        self._changes.append(change)
        self.count += 1
        self._attention.set()

    def attach(self, connection: Connection | None) -> None:
        """Tell on this connection from now on."""
        self._connection = connection
        self._attention.set()

    def recently_published(self) -> set[str]:
        """The topics on which something was told within the last minute."""
        now_s = time.monotonic()
        self._published_at = {
            topic: at_s for topic, at_s in self._published_at.items() if now_s - at_s < TOLD_AGAIN_S
        }
        return set(self._published_at)

    def is_published(self, number: int) -> bool:
        """Whether the first so many changes are written and told."""
        return self._written >= number and (not self._to_publish or self._to_publish[0][0] > number)

    async def wait_written(self) -> None:
        """Wait until all that was kept so far is in the database."""
        target = self.count
        async with self._progress:
            await self._progress.wait_for(lambda: self._written >= target)

    async def wait_published(self) -> None:
        """Wait until all is told, or can no longer be."""
        async with self._progress:
            await self._progress.wait_for(lambda: self.is_published(self.count) or self._connection is None)

    async def work(self) -> None:
        """Write and tell, for ever."""
        while True:
            await self._attention.wait()
            self._attention.clear()
            await self.write()
            await self.publish()
            async with self._progress:
                self._progress.notify_all()
            # A sensor that flaps makes many changes of one episode: one write.
            await asyncio.sleep(GATHER_S)

    async def write(self) -> None:
        """Write what waits, each episode once, as it is now."""
        changes, self._changes = self._changes, deque()
        if not changes:
            return
        documents = {each.document["_id"]: each.document for each in changes if each.document}
        if documents:
            await self._records.write(list(documents.values()))
        for each in changes:
            self._written += 1
            if each.message is not None:
                self._to_publish.append((self._written, each.message))
            if each.notice is not None:
                self._notifier.notify(each.notice)
        async with self._progress:
            self._progress.notify_all()

    async def publish(self) -> None:
        """Publish what is written; what a lost connection did not take stays for the next."""
        while self._to_publish and (connection := self._connection) is not None:
            chunk = [message for _, message in islice(self._to_publish, MAX_BATCH)]
            try:
                await connection.publish_many(chunk)
            except BrokerLostError:
                return  # a new connection wakes us up
            except BrokerRejectedError as error:
                logger.warning("Not published: %s", error)
            for message in chunk:
                self._to_publish.popleft()
                self._published_at[message.topic] = time.monotonic()
