"""The stack with TLS, as a user starts it for others than this machine."""

import os
import socket
import ssl
import subprocess
from collections.abc import Iterator

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.compose.stack import Stack, inspect, until

pytestmark = pytest.mark.compose


@pytest.fixture(scope="module")
def tls(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    files = ("docker-compose.yml", "docker-compose.tls.yml")
    stack = Stack(tmp_path_factory.mktemp("compose-tls"), "energy-monitor-tls", files)
    with stack.up():
        stack.compose("cp", "mosquitto:/mosquitto/data/certificates/ca.crt", ".")
        yield stack


def _trusting(stack: Stack) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(stack.folder / "ca.crt"))


@pytest.mark.parametrize("port", ["MQTT_TLS_PORT", "MQTT_MUTUAL_TLS_PORT", "MONGO_PORT", "WEB_TLS_PORT"])
def test_port_speaks_tls_with_a_certificate_of_the_authority(tls: Stack, port: str) -> None:
    with (
        socket.create_connection(("127.0.0.1", tls.ports[port]), 10) as plain,
        _trusting(tls).wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        assert connection.version() in ("TLSv1.2", "TLSv1.3")
    # And whoever does not trust the authority does not trust the server.
    with (
        socket.create_connection(("127.0.0.1", tls.ports[port]), 10) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


def test_no_port_speaks_without_tls_but_the_health_of_the_ingestor(tls: Stack) -> None:
    bound = {
        (number, service)
        for service in ("mosquitto", "mongodb", "monitor", "ingestor", "sensor-node")
        for container in tls.containers(service)
        for number in inspect(container)["HostConfig"]["PortBindings"] or {}
    }
    assert bound == {
        ("8883/tcp", "mosquitto"),
        ("8884/tcp", "mosquitto"),
        ("27017/tcp", "mongodb"),
        ("8080/tcp", "monitor"),
        ("8090/tcp", "ingestor"),
    }
    password = tls.passwords["MONGO_ADMIN_PASSWORD"]
    url = f"mongodb://admin:{password}@127.0.0.1:{tls.ports['MONGO_PORT']}/?authSource=admin"
    with (
        MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=1500) as client,
        pytest.raises(PyMongoError),
    ):
        client.admin.command("ping")


def test_later_commands_keep_to_tls_without_naming_the_files(tls: Stack) -> None:
    before = tls.containers("mosquitto", "mongodb", "ingestor", "monitor")
    started = tls.run(["run", "--detach", "--rm", "sensor-node", "--sensor-id", "Sensor-LARI-09"])
    assert started.returncode == 0, started.stderr
    assert tls.run(["up", "--detach"]).returncode == 0
    assert tls.containers("mosquitto", "mongodb", "ingestor", "monitor") == before
    with tls.database() as client:
        measures = client["energy_db"].measures
        until(lambda: measures.find_one({"sensor_id": "Sensor-LARI-09"}) is not None)
    # Without that line they would be in plain text.
    env = tls.folder / ".env"
    kept = env.read_text()
    env.write_text("".join(line for line in kept.splitlines(keepends=True) if "COMPOSE_" not in line))
    try:
        assert "tlsMode" in tls.compose("config")
        assert "tlsMode" not in tls.run(["config"]).stdout
    finally:
        env.write_text(kept)


def test_readings_are_stored_and_people_are_let_in(tls: Stack) -> None:
    with tls.database() as client:
        measures = client["energy_db"].measures
        until(lambda: measures.count_documents({}) > 2)
    assert "Active alarms" in tls.log_in("operator", tls.passwords["WEB_OPERATOR_PASSWORD"])


def test_alerts_are_followed_from_outside(tls: Stack) -> None:
    options = [
        "-h",
        "localhost",
        "-p",
        str(tls.ports["MQTT_TLS_PORT"]),
        "--cafile",
        str(tls.folder / "ca.crt"),
    ]
    settings = tls.folder / "client"
    settings.mkdir()
    (settings / "mosquitto_sub").write_text(
        f"--username viewer\n--pw {tls.passwords['MQTT_VIEWER_PASSWORD']}\n"
    )
    heard = subprocess.run(  # noqa: S603
        ["mosquitto_sub", *options, "-t", "energy/#", "-C", "1", "-W", "20", "-v"],  # noqa: S607
        env={**os.environ, "XDG_CONFIG_HOME": str(settings)},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert heard.stdout.startswith("energy/"), heard.stderr


def test_certificate_lets_in_and_a_revoked_one_does_not(tls: Stack) -> None:
    broker = ("run", "--rm", "-T", "broker")
    tls.compose(*broker, "users", "add", "Meter-8", "--role", "sensor", "--site", "lari")
    tls.compose(*broker, "certs", "issue", "Meter-8")
    show = ("run", "--rm", "-T", "--entrypoint", "cat", "broker", "/certificates/clients/Meter-8.pem")
    own = tls.folder / "Meter-8.pem"
    own.write_text(tls.compose(*show))

    def is_let_in() -> bool:
        done = subprocess.run(  # noqa: S603
            [
                *("mosquitto_pub", "-h", "localhost", "-p", str(tls.ports["MQTT_MUTUAL_TLS_PORT"])),
                *("--cafile", str(tls.folder / "ca.crt"), "--cert", str(own)),
                *("--key", str(own), "-q", "1", "-V", "5", "-n"),
                *("-t", "energy/readings/lari/Meter-8"),
            ],
            capture_output=True,
            timeout=40,
            check=False,
        )
        return done.returncode == 0

    until(is_let_in, seconds=20)
    tls.compose(*broker, "certs", "revoke", "Meter-8")
    until(lambda: not is_let_in(), seconds=20)
