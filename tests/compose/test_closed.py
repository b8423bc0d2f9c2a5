"""What a container may do, and what one learns by looking at it from outside."""

import re
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.compose.stack import Stack, docker, inspect, until

pytestmark = pytest.mark.compose

Described = dict[str, Any]

# Those that run on, and under which number. `passwords` alone is root, without a network, and ends.
USERS = {
    "mosquitto": "1883",
    "mongodb": "999",
    "sensor-node": "10001",
    "ingestor": "10002",
    "monitor": "10003",
}


def _host(described: Described) -> Described:
    config: Described = described["HostConfig"]
    return config


RULES: dict[str, Callable[[Described], bool]] = {
    "has no capabilities": lambda each: _host(each)["CapDrop"] == ["ALL"] and not _host(each)["CapAdd"],
    "gains no privileges": lambda each: "no-new-privileges:true" in _host(each)["SecurityOpt"],
    "cannot write to its own files": lambda each: _host(each)["ReadonlyRootfs"] is True,
    "has a limit of memory": lambda each: 0 < (_host(each)["Memory"] or 0) <= 2 << 30,
    "has a limit of processes": lambda each: 0 < (_host(each)["PidsLimit"] or 0) <= 1000,
    "is not root": lambda each: each["Config"]["User"].partition(":")[0] not in ("", "0", "root"),
    "is reached from this machine only": lambda each: all(
        bound["HostIp"] == "127.0.0.1"
        for ports in (_host(each)["PortBindings"] or {}).values()
        for bound in ports
    ),
    "has a limit of its log": lambda each: (
        {"max-size", "max-file"} <= (_host(each)["LogConfig"]["Config"] or {}).keys()
    ),
    # Both take as much of a core as all that the container is for.
    "is checked without an interpreter": lambda each: (
        not {"mongosh", "python3"} & set((each["Config"].get("Healthcheck") or {"Test": ["python3"]})["Test"])
    ),
    "sees nothing of the engine": lambda each: (
        not _host(each)["Privileged"]
        and not any("docker.sock" in mount["Source"] for mount in each["Mounts"])
    ),
}
# The same image and nothing of what the compose file says: what each rule would find then.
BARE = ("--publish", "0.0.0.0:0:1883", "--user", "0", "--privileged")


@pytest.fixture(scope="module")
def bare(stack: Stack) -> Described:
    """A container as it would be without any of it."""
    container = docker("create", *BARE, "energy-monitor").strip()
    try:
        return inspect(container)
    finally:
        docker("rm", container)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("service", USERS)
def test_container(stack: Stack, service: str, rule: str) -> None:
    containers = stack.containers(service)
    assert containers
    assert all(RULES[rule](inspect(container)) for container in containers)


@pytest.mark.parametrize("rule", RULES)
def test_rule_finds_a_container_without_it(bare: Described, rule: str) -> None:
    assert not RULES[rule](bare)


@pytest.mark.parametrize("service", USERS)
def test_service_runs_as_a_user_of_its_own_that_cannot_write(stack: Stack, service: str) -> None:
    assert stack.compose("exec", "-T", service, "id", "-u").strip() == USERS[service]
    tried = "touch /etc/marked /usr/bin/marked /run/secrets/marked 2>&1; true"
    answer = stack.compose("exec", "-T", service, "sh", "-c", tried)
    assert answer.count("Read-only file system") == 3


@pytest.mark.parametrize("service", USERS)
def test_service_reads_its_own_secrets_and_no_others(stack: Stack, service: str) -> None:
    read = "for folder in /run/secrets/*; do cat $folder/* >/dev/null 2>&1 && echo ${folder##*/}; done; true"
    assert stack.compose("exec", "-T", service, "sh", "-c", read).split() == [service]
    # As root all of them are there: it is the mode that keeps others out.
    everything = stack.compose("exec", "-T", "--user", "0", "mosquitto", "ls", "/run/secrets").split()
    assert set(USERS) < set(everything)


def test_engine_does_not_know_a_password(stack: Stack) -> None:
    """Neither in a command line nor in the environment nor in a layer of the image, nor in a log."""
    secrets = list(stack.passwords.values())
    assert len(secrets) == 12
    told = [str(inspect(container)) for container in stack.containers()]
    told += [docker("history", "--no-trunc", "energy-monitor"), docker("inspect", "energy-monitor")]
    told.append(stack.compose("logs"))
    told += [docker("top", container) for container in stack.containers(*USERS)]
    told.append(stack.compose("config"))
    assert [secret[:4] for secret in secrets for text in told if secret in text] == []
    # The same search finds one where there is one.
    given = docker("create", "--env", f"MQTT_PASSWORD={secrets[0]}", "energy-monitor").strip()
    try:
        assert secrets[0] in str(inspect(given))
    finally:
        docker("rm", given)


def found_in(image: str) -> set[str]:
    """The names of all files of an image that are not the system's."""
    folders = ("/venv", "/root", "/var/lib")
    found = docker("run", "--rm", "--user", "0", "--entrypoint", "find", image, *folders)
    return {path.rpartition("/")[2] for path in found.splitlines()}


@pytest.mark.parametrize("image", ["energy-monitor", "energy-monitor-ingestor"])
def test_image_has_no_secret_and_no_installer(stack: Stack, image: str) -> None:
    found = found_in(image)
    assert {"ingestor", "energy_monitor-0.1.0.dist-info"} & found  # it does look
    assert not found & {".env", "pip", "pip3", "ca.key", "passwd"}


@pytest.mark.parametrize(("image", "megabytes"), [("energy-monitor", 330), ("energy-monitor-ingestor", 80)])
def test_image_is_small(stack: Stack, image: str, megabytes: int) -> None:
    base = (stack.folder / "Dockerfile").read_text().partition("FROM ")[2].split()[0]
    size, size_of_base = (int(docker("inspect", "--format", "{{.Size}}", each)) for each in (image, base))
    assert size - size_of_base < megabytes * 1_000_000


def test_ingestor_has_nothing_of_the_simulator_and_the_pages(stack: Stack) -> None:
    heavy = {"pandas", "numpy", "pyarrow", "demandlib", "holidays", "nicegui", "fastapi", "rich"}
    assert heavy <= found_in("energy-monitor")
    assert not heavy & found_in("energy-monitor-ingestor")
    told = stack.compose("exec", "-T", "ingestor", "sh", "-c", "monitor alarms 2>&1; true")
    assert re.fullmatch(r"monitor: needs \w+, which comes with the extra `web`; .*\n", told), told


def test_nobody_gets_in_without_a_password(stack: Stack) -> None:
    with pytest.raises(HTTPError) as rejected:
        stack.log_in("operator", "securepassword")
    assert rejected.value.code == 401
    rejected.value.close()
    nobody = "mosquitto_sub -h mosquitto -u nobody -P x -t '#' -W 2 2>&1; true"
    assert "not authori" in stack.compose(
        "exec", "-T", "-e", "XDG_CONFIG_HOME=/tmp", "mosquitto", "sh", "-c", nobody
    )
    anonymous = "print(db.getSiblingDB('energy_db').measures.countDocuments({}))"
    rejection = stack.compose("exec", "-T", "mongodb", "mongosh", "--quiet", "--eval", anonymous, check=False)
    assert not rejection.strip().isdigit()


def test_user_is_let_in_and_put_out_while_all_runs(stack: Stack) -> None:
    broker = ("run", "--rm", "-T", "broker")
    told = stack.compose(*broker, "users", "add", "Meter-7", "--role", "sensor", "--site", "lari")
    password = next(line.split()[-1] for line in told.splitlines() if "assword" in line)
    client = f"-h mosquitto -u Meter-7 -P {password} -q 1 -V 5"
    publish = f"mosquitto_pub {client} -t energy/readings/lari/Meter-7 -n 2>&1; echo rc=$?"

    def answer() -> str:
        run = ("exec", "-T", "-e", "XDG_CONFIG_HOME=/tmp", "mosquitto", "sh", "-c", publish)
        return stack.compose(*run)

    until(lambda: "rc=0" in answer(), seconds=20)
    assert "Meter-7" in stack.compose(*broker, "users", "list")
    register = ("exec", "-T", "ingestor", "cat", "/var/lib/ingestor/register.json")
    assert "Meter-7" in stack.compose(*register)
    stack.compose(*broker, "users", "remove", "Meter-7")
    until(lambda: "not authori" in answer().lower(), seconds=20)


def test_passwords_of_a_first_start_are_kept(stack: Stack) -> None:
    before = stack.passwords
    assert (stack.folder / ".env").stat().st_mode & 0o777 == 0o600
    stack.compose("run", "--rm", "passwords")
    assert stack.passwords == before
