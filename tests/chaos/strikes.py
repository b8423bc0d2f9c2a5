"""What is done to the system: each strikes once, and mends what does not mend itself."""

import asyncio
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from broker.connection import OutgoingMessage
from stack.processes import Process
from tests.chaos.rig import Rig, send_signal, wait_for
from tests.servers import Wire

FLOOD = Path(__file__).parent.parent / "integration" / "flood.py"
CRASH_WITHIN_S = 40.0
# Confirmations go out every 5 s; few batches hold more than one message at this rate.
SELDOM = {"mid-confirmation", "mid-puback"}
FLOOD_READINGS = 40_000  # the window is 4,000


class NeverCameThereError(Exception):
    """Raised when a process that was to kill itself at a crash point did not come to it."""


async def _pause(rng: random.Random, most_s: float = 0.8) -> None:
    await asyncio.sleep(rng.uniform(0.05, most_s))  # a fault begins at any moment


async def kill_ingestor(rig: Rig, rng: random.Random) -> None:
    """SIGKILL, and a start after a moment."""
    await rig.kill(rig.ingestor.process)
    await _pause(rng)
    await rig.ingestor.process.start()


async def crash_ingestor(rig: Rig, rng: random.Random, point: str) -> None:
    """Let it kill itself at a crash point, at a random one of the first passages."""
    await rig.kill(rig.ingestor.process)
    passage = 1 if point in SELDOM else rng.randint(1, 5)
    rig.ingestor.become("tests.chaos.build", "ingestor", "--crash", f"{point}:{passage}", "--")
    await rig.ingestor.process.start()
    died = await wait_for(rig.ingestor.process, CRASH_WITHIN_S)
    rig.ingestor.become("ingestor")
    await _revive(rig, rig.ingestor.process, point, died=died)


async def kill_broker(rig: Rig, rng: random.Random) -> None:
    """SIGKILL: what Mosquitto did not save in the last seconds is gone."""
    await rig.kill(rig.servers.broker)
    await _pause(rng)
    await rig.restart_broker()


async def lose_store(rig: Rig, rng: random.Random) -> None:
    """SIGKILL, and everything that Mosquitto ever saved is gone or damaged."""
    await rig.kill(rig.servers.broker)
    await rig.spoil_store(delete=rng.random() < 0.5)
    await rig.restart_broker()


async def kill_database(rig: Rig, rng: random.Random) -> None:
    """SIGKILL: what mongod did not journal is gone."""
    await rig.kill(rig.servers.database)
    await _pause(rng)
    await rig.restart_database()


async def kill_node(rig: Rig, rng: random.Random) -> None:
    """SIGKILL of one sensor node."""
    node = rng.choice(rig.nodes)
    await rig.kill(node.process)
    await _pause(rng)
    await node.process.start()


async def crash_node(rig: Rig, rng: random.Random, point: str) -> None:
    """Let one sensor node kill itself at a crash point."""
    node = rng.choice(rig.nodes)
    await rig.kill(node.process)
    whole = node.process.command
    build = ["tests.chaos.build", "sensor_node", "--crash", f"{point}:{rng.randint(1, 5)}", "--"]
    node.process.command = [*whole[:2], *build, *whole[3:]]
    await node.process.start()
    died = await wait_for(node.process, CRASH_WITHIN_S)
    node.process.command = whole
    await _revive(rig, node.process, point, died=died)


async def _revive(rig: Rig, process: Process, point: str, *, died: bool) -> None:
    if died:
        rig.kills += 1
    await rig.kill(process)
    await process.start()
    if not died:
        raise NeverCameThereError(f"{process.name} never came to {point}")


async def kill_anything(rig: Rig, rng: random.Random) -> None:
    """Kill up to three at the same time, one of the servers among them perhaps."""
    blows = rng.sample([kill_ingestor, kill_broker, kill_database, kill_node], rng.randint(1, 3))
    async with asyncio.TaskGroup() as group:
        for blow in blows:
            group.create_task(blow(rig, random.Random(rng.random())))


async def restart_everything(rig: Rig, rng: random.Random) -> None:
    """SIGTERM to one after the other, as an update does."""

    async def again(process: Process, start: Callable[[], Awaitable[None]]) -> None:
        await process.stop()
        await _pause(rng)
        await start()

    await again(rig.servers.broker, rig.restart_broker)
    await again(rig.servers.database, rig.restart_database)
    await again(rig.ingestor.process, rig.ingestor.process.start)
    for node in rig.nodes:
        await again(node.process, node.process.start)


async def reset(rig: Rig, rng: random.Random) -> None:
    """A TCP RST on every connection."""
    for proxy in (rig.to_broker, rig.nodes_to_broker, rig.to_database):
        proxy.reset()
        await _pause(rng)


async def cut(rig: Rig, rng: random.Random) -> None:
    """Every connection ends, and for some seconds there is no new one."""
    proxies = (rig.to_broker, rig.nodes_to_broker, rig.to_database)
    for proxy in proxies:
        proxy.is_down = True
        proxy.cut()
        await _pause(rng)
    await asyncio.sleep(rng.uniform(1, 3))  # how long the network is cut
    for proxy in proxies:
        proxy.heal()


async def delay(rig: Rig, rng: random.Random) -> None:
    """Every piece takes 100 ms to half a second, on every line."""
    proxies = (rig.to_broker, rig.nodes_to_broker, rig.to_database)
    for proxy in proxies:
        proxy.delay_s = rng.uniform(0.1, 0.5)
    await asyncio.sleep(4)  # how long the fault lasts
    for proxy in proxies:
        proxy.heal()


async def silence(rig: Rig, rng: random.Random, seconds: float = 21.0) -> None:
    """One direction of every connection loses everything until both ends must have given up."""
    for proxy in (rig.to_broker, rig.nodes_to_broker, rig.to_database):
        proxy.silence(rng.choice(["up", "down"]))
    await asyncio.sleep(seconds)  # how long the line is silent
    for proxy in (rig.to_broker, rig.nodes_to_broker, rig.to_database):
        proxy.heal()


async def freeze_broker(rig: Rig, rng: random.Random) -> None:
    """SIGSTOP: the link stays, and nobody is at the other end for 15 to 22 s."""
    send_signal(rig.servers.broker, signal.SIGSTOP)
    await asyncio.sleep(rng.uniform(15, 22))  # longer than a ping waits for its answer
    send_signal(rig.servers.broker, signal.SIGCONT)


async def freeze_database(rig: Rig, rng: random.Random) -> None:
    """SIGSTOP, for longer than the ingestor waits for one answer: the outcome of writes is unknown."""
    send_signal(rig.servers.database, signal.SIGSTOP)
    await asyncio.sleep(rng.uniform(11, 14))  # longer than a write waits for its answer
    send_signal(rig.servers.database, signal.SIGCONT)


async def database_away(rig: Rig, _: random.Random, seconds: float = 60.0) -> None:
    """Mongod is stopped, and started again after a while."""
    await rig.servers.database.stop()
    await asyncio.sleep(seconds)  # how long it is away
    await rig.restart_database()


def flood_of(rig: Rig, count: int) -> Process:
    """Describe a publisher that sends as fast as the broker takes it, for sensors of its own."""
    command = [sys.executable, str(FLOOD), rig.site, "0", str(count), "100"]
    return Process("flood", command, {"FLOOD_URL": rig.servers.mqtt("sensors")}, rig.folder / "flood.log")


async def flood(rig: Rig, _: random.Random) -> None:
    """Ten windows of readings at full speed, while mongod hangs for its first seconds."""
    send_signal(rig.servers.database, signal.SIGSTOP)
    publisher = flood_of(rig, FLOOD_READINGS)
    await publisher.start()
    await asyncio.sleep(4)  # how long the fault lasts
    send_signal(rig.servers.database, signal.SIGCONT)
    await publisher.wait_ended()


async def replay(rig: Rig, rng: random.Random) -> None:
    """Everything sent so far comes again, backwards and then in disorder."""
    payloads = [
        OutgoingMessage(
            f"energy/readings/{rig.site}/{each.reading.sensor_id}", each.reading.model_dump_json().encode()
        )
        for node in rig.nodes
        for each in node.attempts()
    ]
    async with Wire(rig.servers.mqtt("sensors")) as wire:
        await wire.send([*reversed(payloads), *rng.sample(payloads, len(payloads))])


async def everything_at_its_worst(rig: Rig, rng: random.Random) -> None:
    """The database hangs; meanwhile the broker loses all it ever knew and the ingestor is killed."""
    send_signal(rig.servers.database, signal.SIGSTOP)
    # Longer than confirmations are gathered: nobody may have been told that its readings are safe.
    await asyncio.sleep(6.5)  # confirmations are gathered for 5 s
    await rig.kill(rig.ingestor.process)
    await lose_store(rig, rng)
    send_signal(rig.servers.database, signal.SIGCONT)
    await rig.ingestor.process.start()


async def kill_broker_and_ingestor(rig: Rig, rng: random.Random) -> None:
    """SIGKILL of the ingestor, and of Mosquitto a second later, with what it holds for the ingestor."""
    await rig.kill(rig.ingestor.process)
    await asyncio.sleep(1)  # readings come in that only the broker has
    await kill_broker(rig, rng)
    await rig.ingestor.start()


async def kill_node_without_broker(rig: Rig, rng: random.Random) -> None:
    """Mosquitto is away for two seconds; meanwhile the sensor node is killed."""
    await rig.kill(rig.servers.broker)
    await asyncio.sleep(2)  # readings are made that nobody takes
    await kill_node(rig, rng)
    await rig.restart_broker()
