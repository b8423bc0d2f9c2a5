"""A thousand clients that lose their connection at once and come back, three times over."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.readings import payload
from tests.security.ingestors import attacked
from tests.security.storm import Client, connect_all, drop_all
from tests.security.world import World
from tests.servers import eventually

pytestmark = pytest.mark.integration

CLIENTS = [f"storm-{number:04}" for number in range(1000)]
ROUNDS = 3
# A neighbour publishes so often, and hears within so long that each is stored.
EVERY_S = 0.1
PATIENCE_S = 30.0


async def speak(client: Client) -> bool:
    return await client.publish(f"energy/readings/a/{client.name}", payload(client.name, 1.0))


async def test_storm_of_a_thousand_clients_loses_nothing_and_harms_nobody(
    arena: World, tmp_path: Path
) -> None:
    async with attacked(arena, tmp_path / "ingestor.log") as target, arena.wire("sensor-a2") as good:
        is_over = asyncio.Event()
        waited_s: list[float] = []

        async def neighbour() -> None:
            while not is_over.is_set():
                began = time.monotonic()
                await good.publish("energy/readings/a/sensor-a2", payload("sensor-a2", 1.0))
                await eventually(lambda: target.stored("sensor-a2") > len(waited_s), PATIENCE_S)
                waited_s.append(time.monotonic() - began)
                await asyncio.sleep(EVERY_S)  # as a neighbour does

        going_on = asyncio.create_task(neighbour())
        taken = 0
        for _ in range(ROUNDS):
            clients = await connect_all(arena.url("gateway-a"), CLIENTS)
            assert len(clients) == len(CLIENTS)
            taken += sum(await asyncio.gather(*map(speak, clients)))
            drop_all(clients)
        is_over.set()
        await going_on
        assert taken == ROUNDS * len(CLIENTS)
        storm = {"sensor_id": {"$regex": "^storm-"}}
        await eventually(lambda: target.database.measures.count_documents(storm) == taken)
        assert waited_s
        assert not good.is_lost
        assert (await target.ingestor.books())["broker_up"] == 1
