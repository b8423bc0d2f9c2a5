"""A loop of a few lines on the same libraries: persistent session, journaled batches, manual PUBACK."""

import asyncio
import os
import sys
from urllib.parse import urlsplit

import aiomqtt
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import AwareDatetime, BaseModel
from pymongo import WriteConcern
from pymongo.errors import BulkWriteError

CLIENT = "bench-consumer"


class Reading(BaseModel):
    sensor_id: str
    value_kwh: float
    timestamp: AwareDatetime
    location: str | None = None
    sequence: int | None = None


async def main() -> None:
    mqtt = urlsplit(os.environ["BENCH_URL"])
    mongo = AsyncIOMotorClient(os.environ["BENCH_MONGO_URL"])
    durable = WriteConcern(w="majority", j=True)
    measures = mongo.get_default_database().get_collection("readings", write_concern=durable)
    await measures.create_index("timestamp")
    queue: asyncio.Queue[aiomqtt.PublishPacket] = asyncio.Queue(8000)
    client = aiomqtt.Client(
        hostname=mqtt.hostname, port=mqtt.port, username=mqtt.username, password=mqtt.password.encode(),
        identifier=CLIENT, clean_start=False, session_expiry_interval=3600, receive_max=4000,
    )  # fmt: skip

    async def receive() -> None:
        async for message in client.messages():
            await queue.put(message)

    async with client:
        await client.subscribe("energy/readings/+/+", max_qos=aiomqtt.QoS.AT_LEAST_ONCE)
        receiving = asyncio.create_task(receive())
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while not receiving.done():
            batch = [await queue.get()]
            while len(batch) < 1000 and not queue.empty():
                batch.append(queue.get_nowait())
            documents = []
            for message in batch:
                reading = Reading.model_validate_json(message.payload)
                document = reading.model_dump(exclude={"sequence"})
                document["_id"] = f"{reading.sensor_id}@{reading.timestamp.isoformat()}"
                document["is_anomaly"] = reading.value_kwh > 12.0
                documents.append(document)
            try:
                await measures.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                if any(each["code"] != 11000 for each in error.details["writeErrors"]):
                    raise
            for message in batch:
                await client.puback(message.packet_id)


asyncio.run(main())
