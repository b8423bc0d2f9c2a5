"""The fault table: what is done to the system, and what is promised when it happens."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from stack.processes import Process
from tests.chaos import crash_points
from tests.chaos.rig import Node, Rig, send_signal, wait_for

CRASH_WITHIN_S = 20.0

Strike = Callable[[Rig, random.Random], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table.

    Attributes:
        name: What happens.
        kinds: The nodes that it happens to.
        strike: Does it once, and mends what does not mend itself.
        broker_lives: Whether a subscriber can count on every alert, because no broker is killed.
    """

    name: str
    kinds: tuple[str, ...]
    strike: Strike
    broker_lives: bool = True


ALL_KINDS = ("durable", "memory", "plain")
WITH_OUTBOX = ("durable", "memory")


async def _pause(rng: random.Random, most_s: float = 0.8) -> None:
    await asyncio.sleep(rng.uniform(0.05, most_s))


async def kill_ingestor(rig: Rig, rng: random.Random) -> None:
    """SIGKILL, and a start after a moment."""
    await rig.kill(rig.ingestor.process)
    await _pause(rng)
    await rig.ingestor.process.start()
    await asyncio.sleep(rng.uniform(0.5, 1.5))  # it needs half a second to do anything


async def crash_ingestor(rig: Rig, rng: random.Random, point: str) -> None:
    """Let it kill itself at a crash point, at a random one of the first passages."""
    await rig.kill(rig.ingestor.process)
    passage = rng.randint(1, 2 if point == "mid-confirmation" else 5)  # those come every 5 s
    rig.ingestor.become("tests.chaos.build", "ingestor", "--crash", f"{point}:{passage}", "--")
    await rig.ingestor.process.start()
    died = await wait_for(rig.ingestor.process, CRASH_WITHIN_S)
    rig.ingestor.become("ingestor")
    if not died:
        raise AssertionError(f"the ingestor never came to {point}")
    rig.kills += 1
    await rig.ingestor.process.start()


async def kill_broker(rig: Rig, rng: random.Random) -> None:
    """SIGKILL: what Mosquitto did not save in the last seconds is gone."""
    await rig.kill(rig.servers.broker)
    await _pause(rng)
    await rig.restart_broker()
    await _pause(rng)


async def lose_store(rig: Rig, rng: random.Random) -> None:
    """SIGKILL, and everything that Mosquitto ever saved is gone or damaged."""
    await rig.kill(rig.servers.broker)
    await rig.spoil_store(delete=rng.random() < 0.5)
    await rig.restart_broker()
    await _pause(rng)


async def kill_database(rig: Rig, rng: random.Random) -> None:
    """SIGKILL: what mongod did not journal is gone."""
    await rig.kill(rig.servers.database)
    await _pause(rng)
    await rig.restart_database()
    await asyncio.sleep(rng.uniform(0.5, 2.0))


async def kill_node(rig: Rig, rng: random.Random) -> None:
    """SIGKILL of one sensor node."""
    node = rng.choice(rig.nodes)
    await rig.kill(node.process)
    await _pause(rng)
    await node.process.start()
    await asyncio.sleep(rng.uniform(0.5, 1.5))


async def crash_node(rig: Rig, rng: random.Random, point: str) -> None:
    """Let one sensor node kill itself at a crash point."""
    node: Node = rng.choice(rig.nodes)
    await rig.kill(node.process)
    whole = node.process.command
    build = ["tests.chaos.build", "sensor_node", "--crash", f"{point}:{rng.randint(1, 5)}", "--"]
    node.process.command = [*whole[:2], *build, *whole[3:]]
    await node.process.start()
    died = await wait_for(node.process, CRASH_WITHIN_S)
    node.process.command = whole
    if not died:
        raise AssertionError(f"the node never came to {point}")
    rig.kills += 1
    await node.process.start()


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
    await asyncio.sleep(rng.uniform(1, 3))
    for proxy in proxies:
        proxy.heal()


async def delay(rig: Rig, rng: random.Random) -> None:
    """Every piece takes 100 ms to half a second, on every line."""
    proxies = (rig.to_broker, rig.nodes_to_broker, rig.to_database)
    for proxy in proxies:
        proxy.delay_s = rng.uniform(0.1, 0.5)
    await asyncio.sleep(4)
    for proxy in proxies:
        proxy.heal()


async def silence(rig: Rig, rng: random.Random, seconds: float = 21.0) -> None:
    """One direction of every connection loses everything until both ends must have given up."""
    for proxy in (rig.to_broker, rig.nodes_to_broker, rig.to_database):
        proxy.silence(rng.choice(["up", "down"]))
    await asyncio.sleep(seconds)
    for proxy in (rig.to_broker, rig.nodes_to_broker, rig.to_database):
        proxy.heal()


async def freeze_broker(rig: Rig, rng: random.Random) -> None:
    """SIGSTOP: the link stays, and nobody is at the other end for 15 to 22 s."""
    send_signal(rig.servers.broker, signal.SIGSTOP)
    await asyncio.sleep(rng.uniform(15, 22))
    send_signal(rig.servers.broker, signal.SIGCONT)


async def freeze_database(rig: Rig, rng: random.Random) -> None:
    """SIGSTOP, for longer than the ingestor waits for one answer: the outcome of writes is unknown."""
    send_signal(rig.servers.database, signal.SIGSTOP)
    await asyncio.sleep(rng.uniform(11, 14))
    send_signal(rig.servers.database, signal.SIGCONT)


async def database_away(rig: Rig, _: random.Random, seconds: float = 60.0) -> None:
    """Mongod is stopped, and started again after a while."""
    await rig.servers.database.stop()
    await asyncio.sleep(seconds)
    await rig.restart_database()


async def everything_at_its_worst(rig: Rig, rng: random.Random) -> None:
    """The database hangs; meanwhile the broker loses all it ever knew and the ingestor is killed."""
    send_signal(rig.servers.database, signal.SIGSTOP)
    # Longer than confirmations are gathered: nobody may have been told that its readings are safe.
    await asyncio.sleep(6.5)
    await rig.kill(rig.ingestor.process)
    await lose_store(rig, rng)
    send_signal(rig.servers.database, signal.SIGCONT)
    await rig.ingestor.process.start()


def _at(
    points: dict[str, crash_points.Point], strike: Callable[..., Awaitable[None]], who: str
) -> list[Fault]:
    kinds = ALL_KINDS if who == "ingestor" else ("durable",)
    return [Fault(f"{who} killed at `{point}`", kinds, partial(strike, point=point)) for point in points]


FAULTS = [
    Fault("ingestor killed at random", ALL_KINDS, kill_ingestor),
    *_at(crash_points.INGESTOR, crash_ingestor, "ingestor"),
    Fault("mongod killed at random", ALL_KINDS, kill_database),
    Fault("Mosquitto killed at random", WITH_OUTBOX, kill_broker, broker_lives=False),
    Fault("Mosquitto killed, its store lost or damaged", WITH_OUTBOX, lose_store, broker_lives=False),
    Fault("sensor node killed at random", ("durable", "durable"), kill_node),
    *_at(crash_points.SENSOR_NODE, crash_node, "sensor node"),
    Fault("up to three of them killed at once", ("durable", "durable"), kill_anything, broker_lives=False),
    Fault(
        "database hangs, broker loses its memory, ingestor killed",
        WITH_OUTBOX,
        everything_at_its_worst,
        broker_lives=False,
    ),
    Fault("everything restarted in order", ("durable",), restart_everything),
    Fault("TCP reset of every connection", ALL_KINDS, reset),
    Fault("network cut for seconds", ALL_KINDS, cut),
    Fault("network slow", ALL_KINDS, delay),
    Fault("network silent in one direction", ALL_KINDS, silence),
    Fault("Mosquitto stopped (half-open link)", ALL_KINDS, freeze_broker),
    Fault("mongod stopped (outcome of writes unknown)", ALL_KINDS, freeze_database),
    Fault("mongod away for a minute", ALL_KINDS, database_away),
]
BY_NAME = {fault.name: fault for fault in FAULTS}
