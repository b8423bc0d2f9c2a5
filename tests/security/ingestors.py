"""An ingestor on servers of its own, as it is or without one of its protections."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from broker.messages import Receipt
from stack.secrets.credentials import DATABASE
from tests.security.world import World
from tests.servers import RunningIngestor, Wire, balance, eventually


class Target:
    """The ingestor that is attacked, and what became of what it got."""

    def __init__(self, world: World, ingestor: RunningIngestor, database: Database[dict[str, Any]]) -> None:
        self.world = world
        self.ingestor = ingestor
        self.database = database

    def stored(self, sensor: str) -> int:
        """How many readings of a sensor are stored."""
        return self.database.measures.count_documents({"sensor_id": sensor})

    def stored_ids(self, sensor: str) -> set[str]:
        """Which readings of a sensor are stored."""
        return {each["_id"] for each in self.database.measures.find({"sensor_id": sensor})}

    def kept(self, sensor: str, **wanted: object) -> int:
        """How many rejected payloads of a sensor are kept as they came."""
        query = {"topic": {"$regex": f"/{sensor}$"}, "kind": {"$ne": "flood"}, **wanted}
        return self.database.rejected.count_documents(query)

    def counted(self, sensor: str) -> int:
        """How many payloads of a sensor are only counted."""
        floods = self.database.rejected.find({"topic": {"$regex": f"/{sensor}$"}, "kind": "flood"})
        return sum(each["count"] for each in floods)

    def accounted(self, sensor: str) -> int:
        """How many payloads of a sensor there is a record of, whatever became of them."""
        return self.stored(sensor) + self.kept(sensor) + self.counted(sensor)

    async def rest(self) -> None:
        """Wait until nothing is pending: what is rejected is written after what is stored."""

        async def is_at_rest() -> bool:
            return (await self.ingestor.books())["pending"] == 0

        await eventually(is_at_rest)

    async def settled(self, received: int, seconds: float = 60) -> dict[str, int]:
        """The books, once so many came and all of them are settled. They balance at any moment."""

        async def is_settled() -> bool:
            books = await self.ingestor.books()
            assert balance(books) == 0
            return books.get("received", 0) >= received and books["pending"] == 0

        await eventually(is_settled, seconds)
        return await self.ingestor.books()


@asynccontextmanager
async def attacked(world: World, log: Path, *options: str, build: str | None = None) -> AsyncIterator[Target]:
    """Run an ingestor on a world, for an empty database.

    Args:
        world: The servers.
        log: Where the ingestor's output goes.
        options: What it is told.
        build: Which protection it does without.
    """
    program = ("tests.security.ingestor_builds", build) if build else ("ingestor",)
    ingestor = RunningIngestor(world.servers, "+", log, options, program)
    # All sites, and a session in which nothing waits from before.
    ingestor.site = f"attacked-{uuid.uuid4().hex[:8]}"
    ingestor.become(*program)
    with MongoClient[dict[str, Any]](world.servers.mongo("admin")) as client:
        database = client[DATABASE]
        for name in database.list_collection_names(filter={"type": "collection"}):
            if not name.startswith("system."):
                database[name].delete_many({})
        try:
            await ingestor.start()
            yield Target(world, ingestor, database)
        finally:
            await ingestor.stop()
            assert "Traceback" not in log.read_text()  # noqa: ASYNC240 - a short file


def confirmed(wire: Wire, sensor: str) -> set[int]:
    """What a sensor was told that it may forget, as somebody hears it who listens."""
    told: set[int] = set()
    for message in wire.messages:
        if message.topic.endswith(f"/{sensor}") and "/stored/" in message.topic:
            answer = Receipt.model_validate_json(message.payload)
            for first, last in (*answer.sequences, *answer.rejected):
                told |= set(range(first, last + 1))
    return told
