"""``scripts/up`` as users run it, but for the installing."""

import asyncio
import json
import os
import shlex
import signal
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from pymongo import MongoClient

from broker.access.accounts import AccountsError, find_program
from ingestor.receive.register import Register
from stack.log_rotation import MAX_BYTES
from stack.secrets.credentials import DATABASE
from tests.fault_points.broker import SYSTEM_FOLDERS
from tests.programs import run_program
from tests.servers import Wire, eventually, fetch
from tests.up import Up, children, is_running

pytestmark = pytest.mark.integration


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "var"


async def test_up_shows_readings_says_what_next_and_keeps_its_data_until_told_to_forget(state: Path) -> None:
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
    following = asyncio.ensure_future(follow.communicate())
    async with Wire(urls["INGESTOR_MQTT_URL"]) as wire:

        async def is_followed() -> bool:
            # Nobody tells when a subscriber listens.
            await wire.publish("energy/alerts/lari/S", b"followed")
            return following.done()

        await eventually(is_followed)
    assert (await following)[0] != b""
    with MongoClient[dict[str, object]](urls["VIEWER_MONGO_URL"]) as client:
        assert client[DATABASE].measures.find_one() is not None

    await first.process.wait_ended()
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

    third = Up(state, 3, "--clean", "--nodes", "0")
    await third.process.start()
    await eventually(lambda: "Ctrl-C ends everything" in third.output(), seconds=60)
    with MongoClient[dict[str, object]](third.environment()["VIEWER_MONGO_URL"]) as client:
        assert client[DATABASE].measures.count_documents({}) == 0
    await third.process.stop()


async def test_second_up_is_rejected_in_one_sentence(state: Path) -> None:
    first, second = Up(state, 1, "--nodes", "0"), Up(state, 2)
    await first.process.start()
    await eventually(lambda: "Mosquitto" in first.output())
    await second.process.start()
    await second.process.wait_ended()
    assert second.status == 1
    sentence = f"scripts/up: it runs already (process {first.pid}); end that one with Ctrl-C first\n"
    assert second.output() == sentence
    # Ctrl-C while it is still starting ends it just as well.
    await first.process.stop(signal.SIGINT)
    assert first.status == 0


@pytest.fixture(scope="module")
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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def up(tmp_path_factory: pytest.TempPathFactory, taken_port: int) -> AsyncIterator[Up]:
    """A stack that runs, of which things may die."""
    one = Up(tmp_path_factory.mktemp("up") / "var", 1, "--nodes", "1")
    await one.process.start()
    try:
        await eventually(lambda: bool(one.readings()), seconds=60)
        yield one
    finally:
        await one.process.stop()
    assert one.status == 0
    assert "gave up" not in one.output()


async def test_taken_port_is_said_and_the_next_one_used(up: Up, taken_port: int) -> None:
    url = up.environment()["ENERGY_MQTT_URL"]
    port = int(url.rsplit(":", 1)[1])
    assert port > taken_port
    assert f"Port {taken_port} is taken; Mosquitto listens on {port} instead." in up.output().splitlines()
    client = up.env_file.parent / "clients" / "viewer" / "mosquitto_sub"
    assert f"--port {port}\n" in await asyncio.to_thread(client.read_text)


async def test_what_dies_is_started_again(up: Up) -> None:
    ingestor = next(pid for pid, command in children(up.pid).items() if "-m ingestor" in command)
    os.kill(ingestor, signal.SIGKILL)
    await eventually(lambda: "Ingestor ended (signal 9)" in up.output())
    shown = len(up.readings())
    await eventually(lambda: len(up.readings()) > shown + 2, seconds=60)


async def test_logs_are_bounded(up: Up) -> None:
    log = up.env_file.parent / "log" / "mosquitto.log"
    with log.open("ab") as flooded:
        flooded.write(b"x" * (MAX_BYTES + 1))
    await eventually(lambda: log.with_name("mosquitto.log.1").exists() and log.stat().st_size < MAX_BYTES)


async def test_ingestor_is_told_where_the_brokers_register_is(up: Up) -> None:
    ingestor = next(pid for pid, command in children(up.pid).items() if "-m ingestor" in command)
    environment = await asyncio.to_thread((Path("/proc") / str(ingestor) / "environ").read_text)
    register = up.env_file.parent / "mosquitto" / "users" / "register.json"
    assert f"\0ENERGY_REGISTER={register}\0" in f"\0{environment}"
    assert Register(register).sites == {"Sensor-LARI-01": "lari"}


async def test_broker_store_that_cannot_be_read_is_moved_aside_and_said(up: Up) -> None:
    broker = next(pid for pid, command in children(up.pid).items() if command.startswith("mosquitto "))
    store = up.env_file.parent / "mosquitto" / "mosquitto.db"
    await eventually(store.exists)
    os.kill(broker, signal.SIGKILL)
    store.write_bytes(b"damaged")
    await eventually(lambda: "Mosquitto could not use its store" in up.output())
    (damaged,) = store.parent.glob("mosquitto.db.damaged-*")
    assert damaged.read_bytes() == b"damaged"
    assert damaged.name in up.output()
    shown = len(up.readings())
    await eventually(lambda: len(up.readings()) > shown + 2, seconds=60)


async def test_killed_up_leaves_nothing_running(state: Path) -> None:
    up = Up(state, 1)
    await up.process.start()
    await eventually(lambda: bool(up.readings()), seconds=60)
    started = children(up.pid)
    await up.process.stop(signal.SIGKILL)
    await eventually(lambda: not any(map(is_running, started)), seconds=40)
    again = Up(state, 2, "--for", "1s")
    await again.process.start()
    await again.process.wait_ended()
    assert again.status == 0


@SYSTEM_FOLDERS.replace("")
def test_missing_mosquitto_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        AccountsError, match=r"^mosquitto is missing; install Mosquitto \(Debian: apt-get install"
    ):
        find_program("mosquitto")


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
