"""No password, and no hash of one, shows while everything runs; each search finds one that was put there."""

import asyncio
import contextlib
import os
import ssl
import stat
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from pymongo import MongoClient

from stack.secrets.credentials import DATABASE
from tests.conftest import ROOT
from tests.security.secrets import Secrets, open_to_others
from tests.servers import Wire, eventually
from tests.up import Up, descendants

pytestmark = pytest.mark.integration

# Whatever has a secret in it, and is meant to: by the beginning of its path. All of it is for its owner only.
MEANT = (
    "clients/",
    "mongo/",  # MongoDB's own users, hashed
    "mosquitto/users/passwords",  # hashed
    "secrets/",
    "stack.env",
)

# What is put where servers keep it for a while: a real password there would be found by other tests.
PLANTED = Secrets({"planted": b"hunter2-and-so-much-more"})


@dataclass(frozen=True, slots=True)
class Stack:
    """What ``scripts/up`` has started, and what may not be seen of it."""

    up: Up
    state: Path
    urls: dict[str, str]
    secrets: Secrets

    def processes(self) -> list[int]:
        return [self.up.pid, *descendants(self.up.pid)]


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["plain", "tls"])
async def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    state = tmp_path_factory.mktemp("stack") / "var"
    up = Up(state, 1, *(["--tls"] if request.param == "tls" else []))
    await up.process.start()
    try:
        await eventually(lambda: len(up.readings()) >= 3, seconds=60)
        yield Stack(up, state, up.environment(), Secrets.of(ROOT / ".env", state))
    finally:
        await up.process.stop()
    assert up.output().endswith("Stopped. Start it again to go on with the same data.\n")


@contextlib.contextmanager
def told(secret: str, how: str) -> Iterator[int]:
    """A process that was told a secret as it should not be."""
    command = [sys.executable, "-c", "print(flush=True); input()", *([secret] if how == "cmdline" else [])]
    environment = {**os.environ, **({"ENERGY_MQTT_URL": f"mqtt://u:{secret}@h"} if how == "environ" else {})}
    process = subprocess.Popen(  # noqa: S603 - ourselves
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        # Before it has said something, it may still be on its way to what it is to be.
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
    finally:
        process.communicate(b"\n")


async def test_list_of_processes_shows_none(stack: Stack) -> None:
    processes = stack.processes()
    assert len(processes) >= 9
    assert stack.secrets.in_processes(processes) == {}
    secret = stack.secrets.values["MQTT_WEB_PASSWORD"].decode()
    for how in ("cmdline", "environ"):
        with told(secret, how) as number:
            assert stack.secrets.in_processes([number]) == {f"{number} {how}": {"MQTT_WEB_PASSWORD"}}


async def test_what_is_shown_and_logged_has_none(stack: Stack) -> None:
    logs = sorted(file.name for file in (stack.state / "log").iterdir())
    assert {"ingestor.log", "mongod.log", "mosquitto.log", "web.log", "Sensor-LARI-01.log"} <= set(logs)
    assert stack.secrets.in_files(stack.state / "log") == {}
    assert stack.secrets.in_texts({"shown": stack.up.log.read_bytes()}) == {}
    planted = stack.state / "log" / "planted.log"
    planted.write_bytes(b"cannot reach mqtt://web:" + stack.secrets.values["MQTT_WEB_PASSWORD"] + b"@h")
    try:
        assert stack.secrets.in_files(stack.state / "log") == {"planted.log": {"MQTT_WEB_PASSWORD"}}
    finally:
        planted.unlink()


async def test_files_that_hold_one_are_known_and_all_are_their_owners_only(stack: Stack) -> None:
    found = stack.secrets.in_files(stack.state)
    assert [file for file in found if not file.startswith(MEANT)] == []
    assert {file.split("/")[0] for file in found} >= {"clients", "secrets", "stack.env"}
    assert set(found["stack.env"]) >= {"MQTT_INGESTOR_PASSWORD", "MONGO_ADMIN_PASSWORD"}
    assert found["mosquitto/users/passwords"] >= {"hash of web", "hash of Sensor-LARI-01"}
    assert not any(name.endswith("_PASSWORD") for name in found["mosquitto/users/passwords"])
    assert not [file for file in found if file.startswith("mongo/") and found[file] - {"hash of MongoDB"}]
    assert open_to_others(stack.state) == []
    assert stat.S_IMODE((ROOT / ".env").stat().st_mode) == 0o600
    planted = stack.state / "nodes" / "planted"
    planted.write_bytes(stack.secrets.values["MONGO_INGESTOR_PASSWORD"])
    planted.chmod(0o644)
    try:
        assert stack.secrets.in_files(stack.state)["nodes/planted"] == {"MONGO_INGESTOR_PASSWORD"}
        assert open_to_others(stack.state) == [str(planted)]
    finally:
        planted.unlink()


@pytest.mark.parametrize("role", ["VIEWER", "OPERATOR"])
async def test_what_is_retained_has_none(stack: Stack, role: str) -> None:
    url = stack.urls[f"{role}_MQTT_URL"]
    count, found = await stack.secrets.in_messages(url)
    assert (count >= 4, found) == (True, {})
    # A topic to which the ingestor does not listen, or it would keep what it is told there.
    topic = "energy/alerts/lari/planted"
    async with Wire(stack.urls["INGESTOR_MQTT_URL"]) as wire:
        await wire.publish(topic, PLANTED.values["planted"], retain=True)
        try:
            _, found = await PLANTED.in_messages(url)
        finally:
            await wire.publish(topic, b"", retain=True)
    assert found == {topic: {"planted"}}


async def test_documents_have_none(stack: Stack) -> None:
    url = stack.urls["ADMIN_MONGO_URL"]
    count, found = stack.secrets.in_documents(url)
    assert (count >= 3, found) == (True, {})
    with MongoClient[dict[str, object]](url) as client:
        documents = client[DATABASE].get_collection("planted")
        documents.insert_one({"_id": 1, "url": f"x{PLANTED.values['planted'].decode()}"})
        try:
            _, found = PLANTED.in_documents(url)
        finally:
            documents.drop()
    assert found == {"planted 1": {"planted"}}


async def test_what_is_served_to_those_without_a_password_has_none(stack: Stack) -> None:
    web, ingestor = stack.urls["WEB_URL"], stack.urls["INGESTOR_HTTP_URL"]
    served = [f"{ingestor}/{path}" for path in ("live", "ready", "metrics")]
    served += [f"{web}/{path}" for path in ("login", "live", "api/v1/openapi.json", "static/style.css")]
    context = ssl.create_default_context(cafile=stack.urls.get("CERTIFICATE_AUTHORITY"))

    def get(url: str) -> bytes:
        with urllib.request.urlopen(url, timeout=10, context=context) as answer:  # noqa: S310 - our own
            return bytes(answer.read())

    texts = {url: await asyncio.to_thread(get, url) for url in served}
    assert all(texts.values())
    assert stack.secrets.in_texts(texts) == {}
