"""Builds with a fault in: what the chaos tests would say if a promise were broken.

Each scenario is run twice, on the build with the fault and on the product, so that it is the fault
that is found and not the scenario.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.verify.verifier import Verdict
from stack.processes import Process
from tests.chaos.conftest import OpenRig
from tests.chaos.rig import Rig, send_signal, wait_for
from tests.servers import eventually

# The servers are children of the session's loop.
pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]

WITHIN_S = 2.0
AT_STAKE = 300


def build(mutant: str | None, *crash: str) -> tuple[str, ...]:
    """A build of the ingestor, with a fault, a crash point, or both."""
    options = ["--mutant", mutant] if mutant else []
    return ("tests.chaos.build", "ingestor", *options, *crash, "--")


async def start(rig: Rig, *kinds: str, program: tuple[str, ...]) -> None:
    rig.ingestor.become(*program)
    await rig.start(*kinds)


async def die(rig: Rig, mutant: str | None, when: str) -> None:
    await start(rig, "plain", program=build(mutant))
    await rig.kill(rig.ingestor.process)
    rig.ingestor.become(*build(mutant, "--crash", when))
    await rig.ingestor.process.start()
    assert await wait_for(rig.ingestor.process, 20)
    rig.ingestor.become(*build(mutant))
    await rig.ingestor.start()


async def dies_before_the_write(rig: Rig, mutant: str | None) -> None:
    """The ingestor dies with a batch in hand that the broker knows to be unacknowledged."""
    await die(rig, mutant, "after-receive:5")


async def database_dies(rig: Rig, mutant: str | None) -> None:
    """Three times mongod dies at the moment at which the ingestor learns that a batch is written."""
    rig.interval = "20ms"
    victim = rig.folder / "victim"
    crash = ("--crash", f"after-write:@{victim}", "--victim", str(victim))
    await start(rig, "plain", program=build(mutant, *crash))
    for _ in range(3):
        await asyncio.to_thread(name_victim, victim, rig.servers.database)
        assert await wait_for(rig.servers.database, 20)
        rig.kills += 1
        await asyncio.to_thread(victim.unlink)
        await rig.restart_database()


def name_victim(file: Path, process: Process) -> None:
    assert process.running is not None
    name = file.with_suffix(".new")
    name.write_text(str(process.running.pid))
    name.rename(file)


async def packet_ids_begin_anew(rig: Rig, mutant: str | None) -> None:
    """The database hangs; the broker loses its memory and counts its packets from 1 again.

    What came before has an outbox behind it; what comes after it has only the broker.
    """
    rig.interval = "20ms"
    last_moment = rig.folder / "last-moment"
    rig.ingestor.become(*build(mutant, "--crash", f"after-puback:@{last_moment}"))
    await rig.ingestor.start()
    send_signal(rig.servers.database, signal.SIGSTOP)
    send_signal(rig.ingestor.process, signal.SIGSTOP)
    before = rig.node("durable")
    await before.process.start()
    await eventually(lambda: before.has_tried() and len(before.attempts()) > AT_STAKE)
    # It takes in all of that at once, so that the batch in hand holds many packet ids.
    send_signal(rig.ingestor.process, signal.SIGCONT)
    await asyncio.sleep(1)  # until all of it is taken in
    await rig.kill(before.process)
    await rig.kill(rig.servers.broker)
    await rig.spoil_store(delete=True)
    await rig.restart_broker()
    await eventually(rig.ingestor.hears)
    # So few that they wait: of many, a batch would be opened and written beside the one in hand.
    rig.interval = "50ms"
    after = rig.node("plain")
    await after.process.start()
    await eventually(lambda: after.has_tried() and len(after.attempts()) > AT_STAKE)
    await asyncio.sleep(1)  # until all of it is taken in
    await asyncio.to_thread(last_moment.touch)
    send_signal(rig.servers.database, signal.SIGCONT)
    assert await wait_for(rig.ingestor.process, 20)
    rig.ingestor.become(*build(mutant))
    await rig.ingestor.start()
    await before.process.start()


async def broker_forgets_all(rig: Rig, mutant: str | None) -> None:
    """Readings wait in the broker for a dead ingestor when the broker loses its memory."""
    node = ("tests.chaos.build", "sensor_node", "--mutant", mutant, "--") if mutant else ("sensor_node",)
    await rig.ingestor.start()
    first = rig.node("memory", build=node)
    await first.process.start()
    await eventually(first.has_tried)
    await rig.recovered()
    await rig.kill(rig.ingestor.process)
    await asyncio.sleep(1)  # readings come in that only the broker has
    await rig.kill(rig.servers.broker)
    await rig.spoil_store(delete=True)
    await rig.restart_broker()
    await rig.ingestor.start()


async def confirmed_too_early(rig: Rig, mutant: str | None) -> None:
    """The database is away for longer than confirmations are gathered; then all others lose their memory."""
    await start(rig, "durable", program=build(mutant))
    await rig.kill(rig.servers.database)
    await asyncio.sleep(7)  # confirmations are gathered for 5 s
    await rig.kill(rig.ingestor.process)
    await rig.kill(rig.servers.broker)
    await rig.spoil_store(delete=True)
    await rig.restart_broker()
    await rig.restart_database()
    await rig.ingestor.start()


async def dies_before_puback(rig: Rig, mutant: str | None) -> None:
    """What is stored comes again."""
    await die(rig, mutant, "before-puback:5")


async def dies_before_the_alert(rig: Rig, mutant: str | None) -> None:
    """An anomaly is stored, and nobody knows it yet."""
    await die(rig, mutant, "between-write-and-alert:2")


@dataclass(frozen=True, slots=True)
class Case:
    mutant: str
    scenario: Callable[[Rig, str | None], Awaitable[None]]
    found: Callable[[Verdict], object]
    listened: bool = True


CASES = [
    Case("no-journal", database_dies, lambda verdict: verdict.confirmed_but_lost),
    Case("puback-before-write", dies_before_the_write, lambda verdict: verdict.confirmed_but_lost),
    Case("acks-across-connections", packet_ids_begin_anew, lambda verdict: verdict.lost, listened=False),
    Case("no-outbox", broker_forgets_all, lambda verdict: verdict.confirmed_but_lost, listened=False),
    Case("no-second-try", broker_forgets_all, lambda verdict: verdict.lost, listened=False),
    Case(
        "confirm-before-write",
        confirmed_too_early,
        lambda verdict: verdict.confirmed_but_lost,
        listened=False,
    ),
    Case("no-key", dies_before_puback, lambda verdict: verdict.duplicated),
    Case("no-sweep", dies_before_the_alert, lambda verdict: verdict.alerts_missing),
]


@pytest.mark.mutant
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.mutant)
async def test_fault_is_found(rig_of: OpenRig, case: Case) -> None:
    async with rig_of() as rig:
        await case.scenario(rig, case.mutant)
        verdict = await rig.settle(listened=case.listened, within_s=WITHIN_S)
    assert not verdict.passed
    assert case.found(verdict)


@pytest.mark.parametrize(
    "case", {case.scenario: case for case in CASES}.values(), ids=lambda case: case.scenario.__name__
)
async def test_product_stands_the_same(rig_of: OpenRig, case: Case) -> None:
    async with rig_of() as rig:
        await case.scenario(rig, None)
        verdict = await rig.settle(listened=case.listened)
    assert verdict.faults == {}
