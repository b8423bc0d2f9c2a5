"""Isolate a message that ends the ingestor or makes it stand still: it would come again for ever.

The broker sends again what was not acknowledged. After an end that was not in order, and after a stall, what
comes is worked on with care: in groups that are noted in the database first. A group is one message, then
two, then four, and so on; a message of a group in which the ingestor ended is alone the next time. One that
has ended it three times while it was alone is rejected: who kills the ingestor from outside hardly hits the
same message each time. In normal operation there is nothing of this.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from mqtt5 import PublishPacket
from pymongo import WriteConcern

from ingestor.documents import utc_now
from ingestor.store.reading_store import ReadingStore
from ingestor.store.retry import retried

MAX_TOGETHER = 1000
MAX_ENDS = 3
# What the broker sends again comes at once, and is no more than its window.
CARE_S = 10.0
CARE_MESSAGES = 4000
# The broker ends a connection of which it has heard nothing for 30 s.
STALL_S = 10.0
LOOK_EVERY_S = 1.0
POISON = "the ingestor ended or stood still again and again while it worked on nothing but this payload"

logger = logging.getLogger(__name__)


class Quarantine:
    """What is worked on with care, and which messages are suspects.

    Args:
        store: The open database.
        name: The ingestor's.

    Attributes:
        is_active: Whether what comes is worked on with care.
    """

    def __init__(self, store: ReadingStore, name: str) -> None:
        # What ends this process does not end the database, so nobody need wait for its journal.
        unjournaled = WriteConcern(w=1)
        self._records = store.database["checkpoints"].with_options(write_concern=unjournaled)
        self.retry = store.retry
        # No ingestor has a name with a space in it.
        self._id = f"{name} quarantine"
        self.is_active = False
        self._together = 1
        self._worked = 0
        self._until_s = 0.0
        self._in_hand: list[str] = []
        # How often the ingestor ended while it worked on nothing else.
        self._suspects: dict[str, int] = {}
        self._stalled = False

    async def open(self) -> None:
        """Take up how the last process ended."""
        found = await self._find()
        if found is not None and not found["clean"]:
            self._suspects = dict(found["suspects"])
            self._suspect(found["in_hand"])
            self._activate()
        await self._write(clean=False)

    async def close(self) -> None:
        """Note that this process ends in order."""
        await self._write(clean=not self._suspects)

    async def begin(self, packets: Sequence[PublishPacket]) -> tuple[int, bool]:
        """Note what is worked on next.

        Args:
            packets: The messages that come next, at least one.

        Returns:
            How many of them to work on together; and whether it is one that is to be rejected.
        """
        self._until_s = self._until_s or time.monotonic() + CARE_S
        digests = [_digest(packet) for packet in packets[: self._together]]
        is_suspect = [digest in self._suspects for digest in digests]
        count = 1 if is_suspect[0] else [*is_suspect, True].index(True)
        self._in_hand = digests[:count]
        self._stalled = False
        if self._suspects.get(digests[0], 0) >= MAX_ENDS:
            logger.error("A payload on %r is rejected: %s.", packets[0].topic, POISON)
            return 1, True
        await self._write(clean=False)
        return count, False

    async def end(self, *, is_drained: bool) -> None:
        """Note that it is done.

        Args:
            is_drained: Whether no other message waits.
        """
        in_hand, self._in_hand = self._in_hand, []
        if in_hand[0] not in self._suspects:
            self._together = min(2 * self._together, MAX_TOGETHER)
        self._worked += len(in_hand)
        # While this waits for the database, ``watch`` notices a stall that was just over.
        await self._write(clean=False)
        if self._stalled:
            # The time was used by this process, so there is no doubt as after an end from outside.
            self._suspect(in_hand, MAX_ENDS)
            return
        for digest in in_hand:
            self._suspects.pop(digest, None)
        if time.monotonic() > self._until_s and (is_drained or self._worked >= CARE_MESSAGES):
            self.is_active = False
            self._suspects.clear()

    async def watch(self) -> None:
        """Look for stalls, for ever: times in which nothing had a turn, and this process was the reason."""
        while True:
            began_s, used_s = time.monotonic(), time.thread_time()
            await asyncio.sleep(LOOK_EVERY_S)
            lag_s = time.monotonic() - began_s - LOOK_EVERY_S
            # A process that is stopped, or whose machine sleeps, uses none.
            if lag_s > STALL_S and time.thread_time() - used_s > lag_s / 10:
                logger.warning("The ingestor stood still for %.0f s; it works with care for a while.", lag_s)
                self._stalled = True
                self._activate()

    def _activate(self) -> None:
        if not self.is_active:
            self._together = 1
        self.is_active, self._worked, self._until_s = True, 0, 0.0

    def _suspect(self, digests: Sequence[str], ends: int = 1) -> None:
        for digest in digests:
            alone = ends if len(digests) == 1 else 0
            self._suspects[digest] = self._suspects.get(digest, 0) + alone

    @retried(aloud=True)
    async def _find(self) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = await self._records.find_one({"_id": self._id})
        return found

    @retried(aloud=True)
    async def _write(self, *, clean: bool) -> None:
        state = {"clean": clean, "in_hand": self._in_hand, "suspects": self._suspects}
        change = {"$set": {"of": "quarantine", "until": utc_now(), **state}}
        await self._records.update_one({"_id": self._id}, change, upsert=True)


def _digest(packet: PublishPacket) -> str:
    return hashlib.sha256(b"%b\0%b" % (packet.topic.encode(), packet.payload)).hexdigest()[:32]
