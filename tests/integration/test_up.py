"""``scripts/up`` as users run it, but for the installing."""

import asyncio
import json
import os
import shlex
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from stack import mosquitto
from stack.accounts import DATABASE
from stack.processes import ProcessError
from tests.programs import run_program
from tests.servers import Wire, eventually, fetch
from tests.up import Up, children, is_running

pytestmark = pytest.mark.integration


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "var"


async def test_up_shows_readings_says_what_next_and_goes_on_with_its_data(state: Path) -> None:
    first = Up(state, 1, "--for", "6s")
    await first.process.start()
    await eventually(lambda: len(first.readings()) >= 3, seconds=60)
    urls = first.environment()
    assert stat.S_IMODE(first.env_file.stat().st_mode) == 0o600
    started = children(first.pid)
    assert len(started) == 8
    status, ready = await asyncio.to_thread(fetch, f"{urls['INGESTOR_HTTP_URL']}/ready")
    assert (status, json.loads(ready)["ready"]) == (200, True)
    status, page = await asyncio.to_thread(fetch, urls["WEB_URL"])
    assert (status, "Energy Monitor" in page) == (200, True)

    # What it says to do next works.
    output = first.output()
    assert "/stack.env\n" in output
    assert not [name for name, url in urls.items() if "@" in url and url in output]
    assert f"  {urls['WEB_URL']}\n" in output
    assert "scripts/sensor-node --sensor-id Sensor-LARI-04" in output
    subscribe = next(line for line in output.splitlines() if "mosquitto_sub" in line)
    follow = await asyncio.create_subprocess_exec(
        "env", *shlex.split(subscribe), "-C", "1", "-W", "20", stdout=asyncio.subprocess.PIPE
    )
    await asyncio.sleep(0.3)
    async with Wire(urls["INGESTOR_MQTT_URL"]) as wire:
        await wire.publish("energy/alerts/lari/S", b"followed")
    assert (await follow.communicate())[0] != b""
    with MongoClient[dict[str, object]](urls["VIEWER_MONGO_URL"]) as client:
        assert client[DATABASE].measures.find_one() is not None

    await first.process.ended()
    assert first.status == 0
    assert first.output().endswith("Stopped. Start it again to go on with the same data.\n")
    assert "Traceback" not in first.output()
    assert not any(map(is_running, started))

    second = Up(state, 2)
    await second.process.start()
    await eventually(lambda: len(second.readings()) >= 3, seconds=60)
    with MongoClient[dict[str, object]](second.environment()["VIEWER_MONGO_URL"]) as client:
        assert client[DATABASE].measures.count_documents({}) > len(first.readings())
    started = children(second.pid)
    await second.process.stop(signal.SIGINT)
    assert second.status == 0
    assert not any(map(is_running, started))


async def test_second_up_is_refused_in_one_sentence(state: Path) -> None:
    first, second = Up(state, 1, "--nodes", "0"), Up(state, 2)
    await first.process.start()
    await eventually(lambda: "Mosquitto" in first.output())
    await second.process.start()
    await second.process.ended()
    assert second.status == 1
    sentence = f"scripts/up: it runs already (process {first.pid}); end that one with Ctrl-C first\n"
    assert second.output() == sentence
    # Ctrl-C while it is still starting ends it just as well.
    await first.process.stop(signal.SIGINT)
    assert first.status == 0


@pytest.fixture
def taken_port() -> Iterator[int]:
    """The default port of Mosquitto, taken by somebody else."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", 1883))
            server.listen()
        except OSError:
            pass  # taken already: all the better
        yield 1883


async def test_taken_port_is_said_and_the_next_one_used(state: Path, taken_port: int) -> None:
    up = Up(state, 1, "--nodes", "1")
    await up.process.start()
    await eventually(lambda: bool(up.readings()), seconds=60)
    url = up.environment()["ENERGY_MQTT_URL"]
    port = int(url.rsplit(":", 1)[1])
    assert port > taken_port
    assert f"Port {taken_port} is taken; Mosquitto listens on {port} instead." in up.output().splitlines()
    assert f"--port {port}\n" in (state / "clients" / "viewer" / "mosquitto_sub").read_text()
    await up.process.stop()


async def test_what_dies_is_started_again(state: Path) -> None:
    up = Up(state, 1, "--nodes", "1")
    await up.process.start()
    await eventually(lambda: bool(up.readings()), seconds=60)
    ingestor = next(pid for pid, command in children(up.pid).items() if "-m ingestor" in command)
    os.kill(ingestor, signal.SIGKILL)
    await eventually(lambda: "Ingestor ended (signal 9)" in up.output())
    shown = len(up.readings())
    await eventually(lambda: len(up.readings()) > shown + 2, seconds=60)
    await up.process.stop()
    assert up.status == 0


async def test_broker_store_that_cannot_be_read_is_moved_aside_and_said(state: Path) -> None:
    up = Up(state, 1, "--nodes", "1")
    await up.process.start()
    await eventually(lambda: bool(up.readings()), seconds=60)
    broker = next(pid for pid, command in children(up.pid).items() if command.startswith("mosquitto "))
    store = state / "mosquitto" / "mosquitto.db"
    await eventually(store.exists)
    os.kill(broker, signal.SIGKILL)
    store.write_bytes(b"damaged")
    await eventually(lambda: "Mosquitto could not read its store" in up.output())
    (damaged,) = store.parent.glob("mosquitto.db.damaged-*")
    assert damaged.read_bytes() == b"damaged"
    assert damaged.name in up.output()
    shown = len(up.readings())
    await eventually(lambda: len(up.readings()) > shown + 2, seconds=60)
    assert "gave up" not in up.output()
    await up.process.stop()
    assert up.status == 0


async def test_killed_up_leaves_nothing_running(state: Path) -> None:
    up = Up(state, 1)
    await up.process.start()
    await eventually(lambda: bool(up.readings()), seconds=60)
    started = children(up.pid)
    await up.process.stop(signal.SIGKILL)
    await eventually(lambda: not any(map(is_running, started)), seconds=40)
    again = Up(state, 2, "--for", "1s")
    await again.process.start()
    await again.process.ended()
    assert again.status == 0


async def test_clean_forgets_the_data(state: Path) -> None:
    first = Up(state, 1, "--for", "3s")
    await first.process.start()
    await first.process.ended()
    assert first.readings()
    second = Up(state, 2, "--clean", "--nodes", "0")
    await second.process.start()
    await eventually(lambda: "Ctrl-C ends everything" in second.output(), seconds=60)
    with MongoClient[dict[str, object]](second.environment()["VIEWER_MONGO_URL"]) as client:
        assert client[DATABASE].measures.count_documents({}) == 0
    await second.process.stop()


def test_missing_mosquitto_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mosquitto, "SYSTEM_FOLDERS", "")
    with pytest.raises(
        ProcessError, match=r"^mosquitto is missing; install Mosquitto \(Debian: apt-get install"
    ):
        mosquitto.find_mosquitto()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--nodes -1", "--nodes '-1': input should be greater than or equal to 0"),
        ("--for soon", "--for 'soon': write a duration as 2s, 500ms, 10m or 1h30m"),
        ("--node 3", "unrecognized arguments: --node 3; `scripts/up --help` lists the options"),
    ],
)
def test_wrong_option_is_told_in_one_sentence(state: Path, options: str, sentence: str) -> None:
    ended = run_program("stack", "--state", str(state), *options.split())
    assert ended == (2, "", f"scripts/up: {sentence}\n")
