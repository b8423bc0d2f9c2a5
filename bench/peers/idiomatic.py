"""What people write by hand with aiomqtt 2.5.1: an insert for ``each`` message, or ``batches``."""

import asyncio
import os
import sys
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import AwareDatetime, BaseModel

CLIENT = "bench-consumer"


class Reading(BaseModel):
    sensor_id: str
    value_kwh: float
    timestamp: AwareDatetime
    location: str | None = None
    sequence: int | None = None


def to_document(payload: bytes) -> dict[str, Any]:
    document = Reading.model_validate_json(payload).model_dump()
    document["is_anomaly"] = document["value_kwh"] > 12.0
    return document


async def store_each(client: aiomqtt.Client, measures: Any) -> None:
    async for message in client.messages:
        await measures.insert_one(to_document(message.payload))


async def store_batches(client: aiomqtt.Client, measures: Any) -> None:
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def store() -> None:
        while True:
            batch = [await queue.get()]
            while len(batch) < 1000 and not queue.empty():
                batch.append(queue.get_nowait())
            await measures.insert_many(batch, ordered=False)

    storing = asyncio.create_task(store())
    async for message in client.messages:
        await queue.put(to_document(message.payload))
    await storing


async def main() -> None:
    mqtt = urlsplit(os.environ["BENCH_URL"])
    mongo = AsyncIOMotorClient(os.environ["BENCH_MONGO_URL"])
    measures = mongo.get_default_database()["readings"]
    await measures.create_index("timestamp")
    client = aiomqtt.Client(
        mqtt.hostname, mqtt.port, username=mqtt.username, password=mqtt.password, identifier=CLIENT
    )
    async with client:
        await client.subscribe("energy/readings/+/+", qos=1)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await {"each": store_each, "batches": store_batches}[sys.argv[1]](client, measures)


asyncio.run(main())
