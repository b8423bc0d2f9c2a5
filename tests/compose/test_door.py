"""The stack over months: lost and changed passwords, more of everything, servers of others."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from stack.secrets.passwords import ADMIN, NAMES, rotate_passwords
from tests.compose.stack import START_S, Stack, docker, inspect, until

pytestmark = pytest.mark.compose

UP = ("up", "--detach", "--wait", "--scale", "sensor-node=3")
ONE_MORE = """\
services:
  room-8:
    extends: {file: docker-compose.yml, service: sensor-node}
    scale: 1
    command: ["--sensor-id", "Sensor-LARI-08", "--location", "Room 8"]
"""
# The other stack's network, as if broker and database were somebody else's.
SHARED = "networks: {default: {external: true, name: energy-monitor-test_default}}\n"


def stored_since(database: Database[dict[str, Any]], begin: float, **of: str) -> bool:
    """Whether a reading has been made since then, in seconds of Unix."""
    last = database.measures.find_one(of, sort=[("timestamp", -1)])
    return last is not None and last["timestamp"].replace(tzinfo=UTC).timestamp() > begin


@contextmanager
def other_env(stack: Stack) -> Iterator[None]:
    """Put ``.env`` back at the end, and the stack on it."""
    env = stack.folder / ".env"
    kept = env.read_text()
    try:
        yield
    finally:
        env.write_text(kept)
        stack.compose(*UP, timeout=START_S)
        until(stack.is_healthy, seconds=120)


def test_lost_env_ends_the_start_with_one_sentence(stack: Stack) -> None:
    with other_env(stack):
        (stack.folder / ".env").unlink()
        started = stack.run(["up", "--detach", "--scale", "sensor-node=3"])
        assert started.returncode != 0
        assert "users" in started.stderr
        said = stack.compose("--ansi", "never", "logs", "--no-log-prefix", "users").splitlines()[-1]
        assert said.removeprefix("\x1b[2K") == (
            "users: the database was made with another MONGO_ADMIN_PASSWORD; put that one into .env, or "
            "begin with an empty database: scripts/up --clean, or docker compose down --volumes"
        )


def test_changed_passwords_reach_what_is_running(stack: Stack, database: Database[dict[str, Any]]) -> None:
    begin = time.time()
    rotate_passwords(
        stack.folder / ".env",
        [name for name in NAMES if name != ADMIN],
    )
    containers = stack.lasting_containers("ingestor", "monitor", "sensor-node")
    # As `up` does, any `run` gives them to broker and database first.
    stack.compose("run", "--rm", "sensor-node", "check", "campus", timeout=START_S)
    until(lambda: all(inspect(each)["RestartCount"] > 0 for each in containers))
    until(stack.is_healthy, seconds=120)
    assert stack.lasting_containers("ingestor", "monitor", "sensor-node") == containers
    for service in ("ingestor", "monitor", "sensor-node"):
        assert "has a new value; stopping, to be started again with it" in stack.compose("logs", service)
    until(lambda: stored_since(database, begin, sensor_id="Sensor-LARI-01"))
    assert "Active alarms" in stack.log_in("operator", stack.passwords["WEB_OPERATOR_PASSWORD"])


def test_second_ingestor_stands_by_and_takes_over(stack: Stack, database: Database[dict[str, Any]]) -> None:
    stack.compose(*UP, "--scale", "ingestor=2")
    try:
        both = stack.containers("ingestor")
        assert len(both) == 2
        until(lambda: "this one stands by" in stack.compose("logs", "ingestor"))
        standing_by = [each for each in both if "stands-by" in docker("exec", each, "ls", "/tmp")]  # noqa: S108
        (working,) = set(both) - set(standing_by)
        docker("stop", working)
        begin = time.time()
        until(lambda: stored_since(database, begin))
        until(lambda: inspect(standing_by[0])["State"]["Health"]["Status"] == "healthy")
    finally:
        stack.compose(*UP, "--scale", "ingestor=1")


def test_one_more_named_node_belongs_to_the_stack(stack: Stack, database: Database[dict[str, Any]]) -> None:
    override = stack.folder / "docker-compose.override.yml"
    override.write_text(ONE_MORE)
    try:
        started = stack.run(["up", "--detach", "--scale", "sensor-node=3"])
        assert started.returncode == 0, started.stderr
        until(lambda: database.measures.find_one({"sensor_id": "Sensor-LARI-08"}) is not None)
        (container,) = stack.run(["ps", "--quiet", "room-8"]).stdout.split()
        # It comes back with the engine, and goes with `down`.
        assert inspect(container)["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        assert stack.run(["rm", "--stop", "--force", "room-8"]).returncode == 0
    finally:
        override.unlink()


def test_health_checks_leave_no_lines_in_the_log_of_mongodb(stack: Stack) -> None:
    log = stack.compose("logs", "mongodb")
    assert '"msg"' in log
    assert "Connection accepted" not in log
    assert "Connection ended" not in log


def test_lines_of_the_documents_work(stack: Stack, database: Database[dict[str, Any]]) -> None:
    """A meter of one's own, MongoDB Compass, and the REST interface."""
    reading = json.dumps({"sensor_id": "Meter-9", "value_kwh": 12.24, "timestamp": int(time.time())})
    publish = ("mosquitto_pub", "-q", "1", "-t", "energy/readings/lari/Meter-9", "-m", reading)
    stack.compose("exec", "-T", "mosquitto", *publish)
    until(lambda: database.measures.find_one({"sensor_id": "Meter-9"}) is not None)

    user = f"viewer:{stack.passwords['MONGO_VIEWER_PASSWORD']}"
    url = f"mongodb://{user}@127.0.0.1:{stack.ports['MONGO_PORT']}/energy_db?authSource=energy_db"
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=5000) as client:
        assert client["energy_db"].measures.find_one() is not None

    line = """. ./.env; printf 'username=viewer&password=%s' "$WEB_VIEWER_PASSWORD" | curl -s {} -d @-"""
    token = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", line.format(f"{stack.web}/api/v1/token")],
        cwd=stack.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(token.stdout)["access_token"]


def test_stack_works_on_servers_of_others_and_without_a_port(
    stack: Stack, database: Database[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = ("docker-compose.yml", "docker-compose.no-ports.yml", "shared.yml")
    other = Stack(tmp_path_factory.mktemp("compose-external"), "energy-monitor-external", files)
    (other.folder / "shared.yml").write_text(SHARED)
    lines = [f"{name}={password}" for name, password in stack.passwords.items() if "PASSWORD" in name]
    lines += ["ENERGY_MQTT_URL=mqtt://mosquitto:1883", "START_MOSQUITTO=0"]
    lines += ["ENERGY_MONGO_URL=mongodb://mongodb/energy_db?authMechanism=SCRAM-SHA-256", "START_MONGODB=0"]
    (other.folder / ".env").write_text("\n".join(lines) + "\n")
    # Two ingestors of one name would take the connection from each other.
    stack.compose("stop", "ingestor", "sensor-node")
    try:
        with other.up():
            begin = time.time()
            assert not other.containers("mosquitto", "mongodb")
            until(lambda: stored_since(database, begin))
            for container in other.containers():
                assert not inspect(container)["HostConfig"]["PortBindings"]
    finally:
        stack.compose(*UP)
