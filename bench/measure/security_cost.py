"""What it costs to ask who comes: passwords, rights and TLS, beside servers that are open to everybody."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.measure.throughput import Sample, consumers, live
from bench.rig import BenchRig, open_rig
from bench.table import ResultTable, spread
from stack.servers import Servers

CONSUMERS = ("limit", "ours")
OPEN, RIGHTS, TLS = "open", "rights", "TLS"
_ASKS_WHO_COMES = re.compile(r"^(allow_anonymous|password_file|acl_file) .*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SecurityCost:
    """One measurement of one consumer on servers that are guarded in one way."""

    way: str
    sample: Sample


async def compare(folder: Path, count: int, rounds: int, tell: Callable[[str], None]) -> list[SecurityCost]:
    """Measure on all servers in turn, so that what the machine does besides meets each of them.

    Args:
        folder: For the servers' data.
        count: Readings for each measurement.
        rounds: How often each is measured.
        tell: Is told what is measured.
    """
    everyone = [each for each in consumers(count) if each.name in CONSUMERS]
    found = []
    async with AsyncExitStack() as stack:
        # Those that wait for their turn cost next to nothing.
        rigs = {
            OPEN: await stack.enter_async_context(_open_to_everybody(folder / "open")),
            RIGHTS: await stack.enter_async_context(open_rig(folder / "rights")),
            TLS: await stack.enter_async_context(open_rig(folder / "tls", tls=True)),
        }
        for number in range(1, rounds + 1):
            for consumer in everyone:
                for way, rig in rigs.items():
                    tell(f"round {number} of {rounds}, {way}: {consumer.name}")
                    found.append(SecurityCost(way, await live(rig, consumer)))
    return found


@asynccontextmanager
async def _open_to_everybody(folder: Path) -> AsyncIterator[BenchRig]:
    async with open_rig(folder) as rig:
        await _throw_open(rig.servers)
        yield rig


async def _throw_open(servers: Servers) -> None:
    """Start both servers anew, so that they ask nobody for anything."""
    servers.broker.environment = _asking_nobody(servers)
    servers.database.command = [each for each in servers.database.command if each != "--auth"]
    for process, answers in (
        (servers.broker, servers.broker_ready),
        (servers.database, servers.database_ready),
    ):
        await process.stop()
        await process.start()
        await process.ready(answers)


def _asking_nobody(servers: Servers) -> dict[str, str]:
    """The broker's environment, with a configuration in which everybody may do everything."""
    configured = Path(servers.broker.environment["MOSQUITTO_CONF"]).read_text()
    file = servers.state / "open.conf"
    file.write_text(_ASKS_WHO_COMES.sub("", configured) + "allow_anonymous true\n")
    return {**servers.broker.environment, "MOSQUITTO_CONF": str(file)}


def to_table(found: list[SecurityCost]) -> ResultTable:
    """Show them, each beside the open servers of its round."""
    rows = []
    for name in CONSUMERS:
        of_it = [each for each in found if each.sample.consumer == name]
        rates = {way: [each.sample.rate for each in of_it if each.way == way] for way in (OPEN, RIGHTS, TLS)}
        for way, those in rates.items():
            ratios = [mine / its for mine, its in zip(those, rates[OPEN], strict=True)]
            samples = [each.sample for each in of_it if each.way == way]
            rows.append([f"{name}, {way}", spread(those), spread(ratios, ".2f"), *_costs(samples)])
    columns = ("consumer, servers", "readings/s", "ratio", "its own", "Mosquitto", "mongod")
    return ResultTable("security", "Guarded servers beside open ones, live; CPU µs/reading", columns, rows)


def _costs(samples: list[Sample]) -> list[str]:
    parts = ("cpu_us", "broker_us", "database_us")
    return [f"{median(getattr(each, part) for each in samples):.1f}" for part in parts]
