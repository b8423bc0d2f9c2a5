"""The fault table: what is done to the system, and what is promised when it happens."""

import inspect
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from tests.chaos import crash_points, strikes
from tests.chaos.rig import Rig

Strike = Callable[[Rig, random.Random], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table.

    Attributes:
        name: What happens.
        kinds: The nodes that it happens to.
        strike: Does it once, and mends what does not mend itself.
        strikes: How often it is done for the table.
        broker_lives: Whether a subscriber can count on every alert, because no broker is killed.
    """

    name: str
    kinds: tuple[str, ...]
    strike: Strike
    strikes: int
    broker_lives: bool = True

    @property
    def deed(self) -> str:
        """What is done, in words."""
        done = self.strike.func if isinstance(self.strike, partial) else self.strike
        return (inspect.getdoc(done) or "").split("\n", maxsplit=1)[0].rstrip(".")

    @property
    def promise(self) -> str:
        """For whom exactly once is promised under this fault: the last kind and those before."""
        return PROMISES[self.kinds[-1]]


ALL_KINDS = ("durable", "memory", "plain")
WITH_OUTBOX = ("durable", "memory")
PROMISES = {
    "durable": "nodes with `--outbox`",
    "memory": "nodes with an outbox, in memory too",
    "plain": "any device at QoS 1",
    "shouting": "any device",
}


def _at(
    points: dict[str, crash_points.CrashPoint], strike: Callable[..., Awaitable[None]], who: str, times: int
) -> list[Fault]:
    kinds = ALL_KINDS if who == "ingestor" else ("durable",)
    return [
        Fault(f"{who} killed at `{point}`", kinds, partial(strike, point=point), times) for point in points
    ]


NETWORK = [
    Fault("TCP reset of every connection", ALL_KINDS, strikes.reset, 5),
    Fault("network cut for seconds", ALL_KINDS, strikes.cut, 3),
    Fault("network slow", ALL_KINDS, strikes.delay, 2),
    Fault("network silent in one direction", ALL_KINDS, strikes.silence, 2),
]
SHORT = [
    Fault("ingestor killed at random", ALL_KINDS, strikes.kill_ingestor, 20),
    *_at(crash_points.INGESTOR, strikes.crash_ingestor, "ingestor", 4),
    Fault("mongod killed at random", ALL_KINDS, strikes.kill_database, 10),
    Fault("Mosquitto killed at random", WITH_OUTBOX, strikes.kill_broker, 10, broker_lives=False),
    Fault(
        "Mosquitto killed, its store lost or damaged", WITH_OUTBOX, strikes.lose_store, 6, broker_lives=False
    ),
    Fault("sensor node killed at random", ("durable", "durable"), strikes.kill_node, 20),
    *_at(crash_points.SENSOR_NODE, strikes.crash_node, "sensor node", 5),
    Fault(
        "up to three of them killed at once",
        ("durable", "durable"),
        strikes.kill_anything,
        8,
        broker_lives=False,
    ),
    Fault(
        "mongod hangs, Mosquitto loses its memory, ingestor killed",
        WITH_OUTBOX,
        strikes.everything_at_its_worst,
        3,
        broker_lives=False,
    ),
    Fault("everything restarted in order", ("durable",), strikes.restart_everything, 2),
    Fault("Mosquitto stopped (half-open link)", ALL_KINDS, strikes.freeze_broker, 2),
    Fault("duplicates, backwards and in disorder", ALL_KINDS, strikes.replay, 3),
    Fault("flood", ALL_KINDS, strikes.flood, 2),
]
LONG = [
    Fault("mongod stopped (outcome of writes unknown)", ALL_KINDS, strikes.freeze_database, 2),
    Fault("mongod away for a minute", ALL_KINDS, strikes.database_away, 1),
]
FAULTS = [*SHORT, *NETWORK, *LONG]

# What nobody can promise, measured all the same.
EXCEPTIONS = [
    Fault(
        "Mosquitto and the ingestor killed; a device without an outbox, QoS 1",
        ("plain",),
        strikes.kill_broker_and_ingestor,
        3,
        broker_lives=False,
    ),
    Fault(
        "sensor node without `--outbox` killed while Mosquitto is away",
        ("memory",),
        strikes.kill_node_without_broker,
        3,
        broker_lives=False,
    ),
    Fault(
        "Mosquitto and the ingestor killed; a device at QoS 0",
        ("shouting",),
        strikes.kill_broker_and_ingestor,
        3,
        broker_lives=False,
    ),
]
