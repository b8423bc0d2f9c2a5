"""The live view: one line per stored reading."""

import asyncio
import contextlib
import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from stack.processes import Process
from stack.servers import Servers
from tests.programs import run_program
from tests.readings import payload
from tests.servers import RunningIngestor, Site, eventually

pytestmark = pytest.mark.integration


async def test_watch_shows_each_stored_reading_once(
    ingestor: RunningIngestor, servers: Servers, place: Site, tmp_path: Path
) -> None:
    log = tmp_path / "watch.log"
    url = {"ENERGY_MONGO_URL": servers.mongo("viewer")}
    watch = Process("watch", [sys.executable, "-m", "monitor", "watch"], url, log)
    await watch.start()

    def lines() -> list[str]:
        return [line[9:] for line in log.read_text().splitlines() if place.sensor in line]

    async def shows_new_ones() -> bool:
        await place.publish(payload(place.sensor, 0.5))
        return bool(lines())

    await eventually(shows_new_ones)
    for number in range(30):
        await place.publish(payload(place.sensor, 3 + number / 100))
    hostile = "\x1b[31mRed\u202e"
    await place.publish(payload(place.sensor, 12.24), payload(place.sensor, 1.82, location=hostile))
    await eventually(lambda: "1.82" in log.read_text())
    await watch.stop()
    assert watch.running is not None
    assert watch.running.returncode == 0
    normal = [f"🟢 Consumption is normal. 3.{n:02} kWh, Room 1, {place.sensor}" for n in range(30)]
    alert = "🔴 ALERT: High consumption detected! (12.24 kWh > 12.0 kWh)"
    assert [line for line in lines() if "0.50" not in line] == [
        *normal,
        f"{alert} Action required: Room 1, {place.sensor}",
        f"🟢 Consumption is normal. 1.82 kWh, \\u001b[31mRed\\u202e, {place.sensor}",
    ]


async def test_watch_without_a_database_says_so_once(tmp_path: Path) -> None:
    log = tmp_path / "watch.log"
    url = {"ENERGY_MONGO_URL": "mongodb://127.0.0.1:9/energy_db"}
    watch = Process("watch", [sys.executable, "-m", "monitor", "watch"], url, log)
    await watch.start()
    await eventually(lambda: "MongoDB does not answer" in log.read_text())
    await watch.stop()
    assert log.read_text().count("\n") == 1


async def test_watch_fills_a_terminal_and_leaves_it_as_it_was(
    ingestor: RunningIngestor, servers: Servers, place: Site
) -> None:
    screen, terminal = pty.openpty()
    environment = {**os.environ, "ENERGY_MONGO_URL": servers.mongo("viewer"), "TERM": "xterm-256color"}
    watch = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", "watch", stdout=terminal, stdin=terminal, env=environment
    )
    os.set_blocking(screen, False)
    drawn = bytearray()

    def shows(text: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            drawn.extend(os.read(screen, 1 << 20))
        return text in drawn.decode(errors="replace")

    await eventually(lambda: shows("\x1b[?1049h"))
    await place.publish(payload(place.sensor, 13.75))
    await eventually(lambda: shows("overconsumption: 13.75 kWh"))
    watch.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(watch.wait(), 10) == 0
    await eventually(lambda: shows("\x1b[?1049l"))
    os.close(screen)
    os.close(terminal)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["dance"], "monitor: unknown command 'dance'; `monitor --help` lists the commands\n"),
        (
            ["watch", "--mongo-url", "mongodb://host"],
            "monitor watch: --mongo-url: write the URL as mongodb://user:password@host:port/database\n",
        ),
    ],
)
def test_wrong_command_is_told_in_one_sentence(arguments: list[str], told: str) -> None:
    assert run_program("monitor", *arguments) == (2, "", told)
