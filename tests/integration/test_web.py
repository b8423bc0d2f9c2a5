"""``monitor web``: how it starts, and what it says when it cannot."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from monitor.web.serve import NO_TERMINAL
from stack.ports import reserve_port
from stack.processes import Process
from tests.programs import run_program
from tests.servers import eventually, fetch

pytestmark = pytest.mark.integration
NOBODY = {"ENERGY_MONGO_URL": "mongodb://127.0.0.1:9/energy_db", "ENERGY_MQTT_URL": "mqtt://127.0.0.1:9"}


def web(log: Path, *options: str, **environment: str) -> Process:
    return Process("web", [sys.executable, "-m", "monitor", "web", *options], environment, log)


async def test_passwords_are_made_up_for_a_terminal_and_it_waits_for_its_servers(tmp_path: Path) -> None:
    port = reserve_port()

    async def is_live() -> bool:
        return (await asyncio.to_thread(fetch, f"http://127.0.0.1:{port}/live"))[0] == 200

    ours, its = os.openpty()
    # As a person starts it, whose terminal is not where the output goes.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "web", "--http", f"127.0.0.1:{port}"),
        env={**os.environ, **NOBODY},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=its,
    )
    try:
        await eventually(is_live)
        process.terminate()
        assert await process.wait() == 0
        shown = os.read(ours, 65536).decode().replace("\r\n", "\n")
    finally:
        if process.returncode is None:
            process.kill()
        os.close(its)
        os.close(ours)
    lines = shown.splitlines()
    assert lines[0].startswith("monitor web: User viewer has the password ")
    assert lines[1].startswith("monitor web: User operator has the password ")
    assert "Traceback" not in shown


@pytest.mark.parametrize("given", [{}, {"ENERGY_VIEWER_PASSWORD": "look-only-please"}])
def test_passwords_are_never_made_up_for_a_log(given: dict[str, str]) -> None:
    ended = run_program("monitor", "web", variables={**given, **NOBODY})
    assert ended == (2, "", f"monitor web: {NO_TERMINAL}\n")


async def test_port_that_is_taken_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        passwords = {
            "ENERGY_VIEWER_PASSWORD": "look-only-please",
            "ENERGY_OPERATOR_PASSWORD": "look-and-act-too",
        }
        process = web(tmp_path / "log", "--http", address, **passwords, **NOBODY)
        await process.start()
        assert "status 1" in await process.wait_ended()
    sentence = f"cannot listen on {address} (Address already in use); give another --http"
    assert (tmp_path / "log").read_text() == f"monitor web: {sentence}\n"


def test_wrong_option_is_told_in_one_sentence() -> None:
    sentence = "--http '8080': write it as host:port, for example 127.0.0.1:8090"
    assert run_program("monitor", "web", "--http", "8080") == (2, "", f"monitor web: {sentence}\n")


async def test_name_that_nobody_knows_is_told_in_one_sentence(tmp_path: Path) -> None:
    passwords = {"ENERGY_VIEWER_PASSWORD": "look-only-please", "ENERGY_OPERATOR_PASSWORD": "look-and-act-too"}
    process = web(tmp_path / "log", "--http", "nobody.invalid:8080", **passwords, **NOBODY)
    await process.start()
    assert "status 1" in await process.wait_ended()
    told = (tmp_path / "log").read_text()
    assert told.startswith("monitor web: cannot listen on nobody.invalid:8080 (")
    assert told.endswith("); give another --http\n")
    assert "Unknown error" not in told
