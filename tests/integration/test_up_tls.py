"""``scripts/up --tls`` as users run it: everything is encrypted, and nothing answers that is not."""

import asyncio
import os
import socket
import ssl
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from pymongo import MongoClient
from pymongo.errors import ServerSelectionTimeoutError

from broker.errors import BrokerError
from stack.secrets.credentials import DATABASE
from tests.conftest import ROOT
from tests.servers import Wire, eventually
from tests.up import Up

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    one = Up(tmp_path_factory.mktemp("up-tls") / "var", 1, "--tls", "--nodes", "1")
    await one.process.start()
    try:
        await eventually(lambda: bool(one.readings()), seconds=60)
        yield one
    finally:
        await one.process.stop()
    assert one.status == 0


def certificates(up: Up) -> Path:
    return up.env_file.parent / "certificates"


def without_tls(url: str) -> str:
    """The URL of the same server, spoken to in the clear."""
    plain = url.replace("mqtts://", "mqtt://").replace("https://", "http://").split("?")[0]
    return plain.rstrip("/") if plain.startswith("mqtt") else plain


def status(url: str, authority: Path | None) -> int:
    context = ssl.create_default_context(cafile=authority)
    with urllib.request.urlopen(url, timeout=10, context=context) as answer:  # noqa: S310 - our own
        return int(answer.status)


async def test_reading_is_stored_and_alerts_are_heard(up: Up) -> None:
    urls = up.environment()
    assert urls["ENERGY_MQTT_URL"].startswith("mqtts://")
    with MongoClient[dict[str, object]](urls["VIEWER_MONGO_URL"]) as client:
        assert client[DATABASE].measures.find_one() is not None
    async with Wire(urls["VIEWER_MQTT_URL"]) as viewer, Wire(urls["INGESTOR_MQTT_URL"]) as ingestor:
        await viewer.listen("energy/alerts/#")
        await ingestor.publish("energy/alerts/lari/S", b"heard")
        await eventually(lambda: any(each.payload == b"heard" for each in viewer.messages))


async def test_page_answers_those_who_trust_the_authority_and_shows_no_other_certificate(up: Up) -> None:
    url = up.environment()["WEB_URL"]
    assert f"  {url}\n" in up.output()
    assert await asyncio.to_thread(status, f"{url}/login", certificates(up) / "ca.crt") == 200
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        await asyncio.to_thread(status, f"{url}/login", None)
    with pytest.raises(OSError):  # noqa: PT011 - whatever way it fails
        await asyncio.to_thread(status, f"{without_tls(url)}/login", None)


async def test_broker_is_silent_without_tls(up: Up) -> None:
    url = up.environment()["VIEWER_MQTT_URL"]
    async with Wire(url):
        pass  # so it is not for want of a password
    with pytest.raises(BrokerError):
        async with Wire(without_tls(url)):
            pass
    with pytest.raises(BrokerError):
        async with Wire(url.split("/?")[0]):
            pass  # TLS, but nobody says whom to trust


async def test_database_is_silent_without_tls(up: Up) -> None:
    url = up.environment()["VIEWER_MONGO_URL"]
    for wrong in (without_tls(url), f"{without_tls(url)}?tls=true"):
        with (
            MongoClient[dict[str, object]](wrong, serverSelectionTimeoutMS=1500) as client,
            pytest.raises(ServerSelectionTimeoutError),
        ):
            client.admin.command("ping")


async def test_certificate_listener_wants_a_certificate(up: Up) -> None:
    listener = urlsplit(f"//{up.environment()['CERTIFICATE_LISTENER']}")
    context = ssl.create_default_context(cafile=certificates(up) / "ca.crt")

    def knock() -> bytes:
        with (
            socket.create_connection((listener.hostname or "", listener.port or 0), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
        ):
            wrapped.sendall(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00")
            return wrapped.recv(1)

    try:
        heard = await asyncio.to_thread(knock)
    except (ssl.SSLError, ConnectionError):
        heard = b""
    assert heard == b""


async def node_at_the_side(up: Up, sensor: str) -> tuple[int | None, str]:
    """Run one more node, as ``scripts/sensor-node`` does, until its readings are stored."""
    node = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stack.node_account", "--sensor-id", sensor),
        *("--readings", "20", "--interval", "100ms"),
        cwd=up.env_file.parent.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await node.communicate()
    return node.returncode, said.decode()


async def test_nodes_that_run_at_once_have_a_user_each(up: Up) -> None:
    sensors = ["Hall-1", "Hall-2"]
    for status_, said in await asyncio.gather(*(node_at_the_side(up, each) for each in sensors)):
        assert status_ == 0, said
        assert "does not answer" not in said
    users = (up.env_file.parent / "mosquitto" / "users" / "passwords").read_text()
    assert {line.split(":")[0] for line in users.splitlines()} >= {"sensor-node-1", "sensor-node-2"}
    with MongoClient[dict[str, object]](up.environment()["VIEWER_MONGO_URL"]) as client:
        assert client[DATABASE].measures.count_documents({"sensor_id": {"$in": sensors}}) == 40


def test_keys_are_their_owners_only(up: Up) -> None:
    folder = certificates(up)
    keys = [file for file in folder.rglob("*") if file.is_file() and b"PRIVATE KEY" in file.read_bytes()]
    assert folder / "ca.key" in keys
    assert {file.name for file in keys} >= {"broker.pem", "mongodb.pem", "web.pem"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
