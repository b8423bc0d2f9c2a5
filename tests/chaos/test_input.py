"""Too much, twice, backwards, out of time: what comes in wrong is stored once or kept as rejected."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.processes import Process
from stack.secrets.credentials import Credentials
from stack.servers import start_servers
from tests.chaos.conftest import OpenRig
from tests.chaos.rig import Rig, open_rig, send_signal, wait_for
from tests.chaos.strikes import flood_of
from tests.servers import balance, eventually

# The servers are children of the session's loop.
pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]

WINDOW = 4000
FLOOD_READINGS = 400_000
MOST_GROWTH_KIB = 128 * 1024
# A process that grows by less than this in this time has taken what the broker sends.
CALM_KIB = 1024
CALM_S = 5


async def flood(rig: Rig, count: int) -> None:
    """Publish as fast as the broker takes it."""
    assert "status 0" in await _ended(flood_of(rig, count))


async def _ended(process: Process) -> str:
    await process.start()
    return await process.wait_ended()


async def stored(rig: Rig, count: int) -> None:
    """Wait until so many are stored, not one more, and the books balance."""

    async def are_stored() -> bool:
        books = await rig.ingestor.books()
        assert balance(books) == 0
        return books["stored"] == count and books["pending"] == 0

    await eventually(are_stored, seconds=90)


async def growth_kib(rig: Rig, count: int) -> int:
    """How much the ingestor grows when the database hangs and the broker is full of readings."""
    await rig.ingestor.start()
    before_kib = rig.resident_kib()
    send_signal(rig.ingestor.process, signal.SIGSTOP)
    await flood(rig, count)
    send_signal(rig.ingestor.process, signal.SIGCONT)
    # Once acknowledgements flow, Mosquitto 2.0.11 sends more than the window that it was given.
    await eventually(lambda: rig.count() > WINDOW)
    send_signal(rig.servers.database, signal.SIGSTOP)
    try:
        return await _highest_kib(rig) - before_kib
    finally:
        send_signal(rig.servers.database, signal.SIGCONT)


async def _highest_kib(rig: Rig) -> int:
    """The ingestor's highest size, once it has not grown for a while."""
    sizes_kib: list[int] = []
    while len(sizes_kib) <= CALM_S or sizes_kib[-1] > sizes_kib[-1 - CALM_S] + CALM_KIB:
        await asyncio.sleep(1)  # for what the broker sends meanwhile
        sizes_kib.append(rig.resident_kib("VmHWM"))
    return sizes_kib[-1]


@pytest.mark.mutant
async def test_flood_of_a_hundred_windows_stays_within_the_bound(rig_of: OpenRig) -> None:
    async with rig_of() as rig:
        grown_kib = await growth_kib(rig, FLOOD_READINGS)
        sys.stdout.write(f"the ingestor grew by {grown_kib / 1024:.0f} MiB\n")
        assert grown_kib < MOST_GROWTH_KIB
        # What was turned away comes again, and all of it is stored once.
        await stored(rig, FLOOD_READINGS)


@pytest.mark.mutant
async def test_queue_without_a_bound_is_found(rig_of: OpenRig) -> None:
    said = await asyncio.create_subprocess_exec("mosquitto", "-h", stdout=asyncio.subprocess.PIPE)
    if b"version 2.0.11" not in (await said.communicate())[0]:
        pytest.skip("this Mosquitto holds to its window, so nothing tries the bound behind it")
    build = ("tests.chaos.build", "ingestor", "--mutant", "no-bound", "--")
    async with rig_of(program=build) as rig:
        assert await growth_kib(rig, FLOOD_READINGS) > MOST_GROWTH_KIB


async def test_wrong_clocks_of_nodes(rig_of: OpenRig) -> None:
    """Behind is late, a little ahead is taken, far ahead is rejected and kept; nothing is lost."""
    ahead = {
        "a day behind": -86_400,
        "an hour behind": -3600,
        "4 minutes ahead": 240,
        "10 minutes ahead": 600,
    }
    async with rig_of() as rig:
        await rig.ingestor.start()
        for seconds in ahead.values():
            rig.node("durable", "--readings", "60", build=clock(seconds))
        ends = await asyncio.gather(*(_ended(node.process) for node in rig.nodes))
        assert all("status 0" in end for end in ends)
        # Set back by two hours, the last one counts on, and is believed again.
        node = rig.nodes[-1]
        node.process.command = [
            each.replace(str(ahead["10 minutes ahead"]), "-7200") for each in node.process.command
        ]
        assert "status 0" in await _ended(node.process)
        verdict = await rig.settle()
    assert verdict.passed
    assert verdict.attempted == 5 * 60
    assert {each.split("@")[0].rsplit("-", 1)[0] for each in verdict.rejected} == {f"{rig.site}-3-durable"}
    assert len(verdict.rejected) == 60
    counted = {(each.reading.sensor_id, each.reading.sequence) for each in node.attempts()}
    assert len(counted) == 120


def clock(ahead_s: int) -> tuple[str, ...]:
    """A sensor node whose clock is wrong."""
    return ("tests.chaos.build", "sensor_node", "--clock", str(ahead_s), "--")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder for servers in which MongoDB's is a disk of 400 MB."""
    disk = tmp_path / "servers" / "mongo"
    disk.mkdir(parents=True)
    mounted = subprocess.run(  # noqa: S603 - our own folder
        ["mount", "-t", "tmpfs", "-o", "size=400m", "none", str(disk)],  # noqa: S607
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield disk.parent
    subprocess.run(["umount", "--lazy", str(disk)], check=True)  # noqa: S603, S607


async def test_full_disk_of_the_database_loses_nothing(
    small_disk: Path, accounts: Credentials, site: str, tmp_path: Path
) -> None:
    """The disk fills up while readings flow; mongod dies of it, and lives again when there is room."""
    async with (
        start_servers(small_disk, accounts) as servers,
        open_rig(servers, site, tmp_path / "rig") as rig,
    ):
        await rig.start("durable", "plain")
        filler = small_disk / "mongo" / "filler"
        with filler.open("wb", buffering=0) as everything, contextlib.suppress(OSError):
            while True:
                everything.write(bytes(1024 * 1024))
        assert await wait_for(servers.database, 60)
        await eventually(lambda: _is_silent(rig))
        filler.unlink()
        await rig.restart_database()
        assert await rig.recovered() is not None
        verdict = await rig.settle()
    assert verdict.passed


async def _is_silent(rig: Rig) -> bool:
    return '"database": false' in (await rig.ingestor.get("/ready"))[1]
