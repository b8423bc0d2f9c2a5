"""``monitor web``: how it starts, and what it says when it cannot."""

import socket
import sys
from pathlib import Path

import pytest

from stack.ports import free_port
from stack.processes import Process, running
from tests.servers import fetch

pytestmark = pytest.mark.integration
NOBODY = {"ENERGY_MONGO_URL": "mongodb://127.0.0.1:9/energy_db", "ENERGY_MQTT_URL": "mqtt://127.0.0.1:9"}


def web(log: Path, *options: str, **environment: str) -> Process:
    return Process("web", [sys.executable, "-m", "monitor", "web", *options], environment, log)


async def test_passwords_are_made_up_and_it_waits_for_its_servers(tmp_path: Path) -> None:
    port = free_port(28100)

    async def is_live() -> bool:
        return fetch(f"http://127.0.0.1:{port}/live")[0] == 200

    log = tmp_path / "log"
    async with running(web(log, "--http", f"127.0.0.1:{port}", **NOBODY), is_live) as process:
        lines = log.read_text().splitlines()
        assert lines[0].startswith("monitor web: User viewer has the password ")
        assert lines[1].startswith("monitor web: User operator has the password ")
        await process.stop()
        assert process.running is not None
        assert process.running.returncode == 0
    assert "Traceback" not in log.read_text()


async def test_port_that_is_taken_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        passwords = {"ENERGY_VIEWER_PASSWORD": "look", "ENERGY_OPERATOR_PASSWORD": "act"}
        process = web(tmp_path / "log", "--http", address, **passwords, **NOBODY)
        await process.start()
        assert "status 1" in await process.ended()
    sentence = f"cannot listen on {address} (Address already in use); give another --http"
    assert (tmp_path / "log").read_text() == f"monitor web: {sentence}\n"


async def test_wrong_option_is_told_in_one_sentence(tmp_path: Path) -> None:
    process = web(tmp_path / "log", "--http", "8080")
    await process.start()
    assert "status 2" in await process.ended()
    sentence = "--http '8080': write it as host:port, for example 127.0.0.1:8090"
    assert (tmp_path / "log").read_text() == f"monitor web: {sentence}\n"


async def test_name_that_nobody_knows_is_told_in_one_sentence(tmp_path: Path) -> None:
    passwords = {"ENERGY_VIEWER_PASSWORD": "look", "ENERGY_OPERATOR_PASSWORD": "act"}
    process = web(tmp_path / "log", "--http", "nobody.invalid:8080", **passwords, **NOBODY)
    await process.start()
    assert "status 1" in await process.ended()
    told = (tmp_path / "log").read_text()
    assert told.startswith("monitor web: cannot listen on nobody.invalid:8080 (")
    assert told.endswith("); give another --http\n")
    assert "Unknown error" not in told
