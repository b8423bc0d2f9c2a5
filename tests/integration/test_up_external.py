"""``scripts/up`` on a broker and a database of somebody else."""

import shutil
import sys
from pathlib import Path

import pytest
from pymongo import MongoClient

from stack.processes import Process
from stack.secrets.credentials import DATABASE
from stack.servers import Servers
from tests.conftest import ROOT
from tests.servers import eventually
from tests.up import Up, children

pytestmark = pytest.mark.integration

# ``scripts/up`` with another folder for .env and alarms.toml.
ELSEWHERE = """
import sys
from pathlib import Path
from stack.__main__ import main
from tests.fault_points.stack import PROJECT_FOLDERS
folder = Path(sys.argv.pop(1))
for place in PROJECT_FOLDERS:
    place.replace(folder).start()
main()
"""


def up_elsewhere(folder: Path, servers: Servers, urls: dict[str, str], *options: str) -> Up:
    """A run whose .env has the passwords of these servers, and URLs."""
    folder.mkdir()
    shutil.copy(ROOT / "alarms.toml", folder)
    values = servers.accounts.passwords | urls
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    up = Up(folder / "var", 1)
    command = [sys.executable, "-c", ELSEWHERE, str(folder), "--state", str(folder / "var"), *options]
    up.process = Process("up", command, {"COLUMNS": "80"}, up.log)
    return up


def own_servers(up: Up) -> set[str]:
    """Which servers a run has started."""
    commands = " ".join(children(up.pid).values())
    return {name for name in ("mosquitto", "mongod") if name in commands}


async def test_servers_of_others_are_used_and_none_is_started(servers: Servers, tmp_path: Path) -> None:
    urls = {
        "ENERGY_MQTT_URL": f"mqtt://127.0.0.1:{servers.mqtt_port}",
        "ENERGY_MONGO_URL": f"mongodb://127.0.0.1:{servers.mongo_port}/{DATABASE}",
    }
    up = up_elsewhere(tmp_path / "project", servers, urls, "--nodes", "1")
    await up.process.start()
    try:
        await eventually(lambda: len(up.readings()) >= 2, seconds=60)
        assert own_servers(up) == set()
        given = up.environment()
        assert "ADMIN_MONGO_URL" not in given
        assert given["INGESTOR_MQTT_URL"] == servers.mqtt("ingestor")
        with MongoClient[dict[str, object]](given["VIEWER_MONGO_URL"]) as client:
            assert client[DATABASE].measures.find_one({"sensor_id": "Sensor-LARI-01"}) is not None
        followed = (tmp_path / "project/var/clients/viewer/mosquitto_sub").read_text()
        assert f"--port {servers.mqtt_port}\n" in followed
    finally:
        await up.process.stop()
    said = up.output()
    assert "Mosquitto    is not started: ENERGY_MQTT_URL in .env names another broker\n" in said
    assert "MongoDB      is not started: ENERGY_MONGO_URL in .env names another database\n" in said
    assert not (tmp_path / "project/var/mosquitto").exists()
    assert said.endswith("Stopped. Start it again to go on with the same data.\n")


async def test_only_the_database_may_be_of_somebody_else(servers: Servers, tmp_path: Path) -> None:
    urls = {"ENERGY_MONGO_URL": servers.mongo("ingestor")}
    up = up_elsewhere(tmp_path / "project", servers, urls, "--nodes", "1")
    await up.process.start()
    try:
        await eventually(lambda: len(up.readings()) >= 2, seconds=60)
        assert own_servers(up) == {"mosquitto"}
    finally:
        await up.process.stop()


@pytest.mark.parametrize(
    ("name", "url", "sentence"),
    [
        ("ENERGY_MQTT_URL", "host:1883", "write the URL as mqtt://user:password@host:port or mqtts://…"),
        ("ENERGY_MONGO_URL", "mongodb://h", "write the URL as mongodb://user:password@host:port/database"),
    ],
)
async def test_wrong_url_is_told_in_one_sentence(
    servers: Servers, tmp_path: Path, name: str, url: str, sentence: str
) -> None:
    up = up_elsewhere(tmp_path / "project", servers, {name: url})
    await up.process.start()
    await up.process.wait_ended()
    assert up.output() == f"scripts/up: {name} in .env: {sentence}\n"
