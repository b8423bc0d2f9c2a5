"""The project's own compose files, run by a running engine from a copy of the project."""

import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pymongo import MongoClient

from stack.ports import free_port

ROOT = Path(__file__).parent.parent.parent
DOCKER = shutil.which("docker") or "docker"
# What of the project a user has who has cloned it, as far as Docker uses it.
PARTS = ("broker", "sensor_node", "ingestor", "monitor", "stack")
FILES = (
    "Dockerfile",
    ".dockerignore",
    "docker-compose.yml",
    "docker-compose.tls.yml",
    "docker-compose.no-ports.yml",
    "mosquitto.conf",
    "alarms.toml",
    "pyproject.toml",
    "requirements.lock",
    "README.md",
)
SERVICES = ("mosquitto", "mongodb", "ingestor", "monitor", "sensor-node")
PORTS = ("MQTT_PORT", "MONGO_PORT", "HTTP_PORT", "WEB_PORT")
TLS_PORTS = ("MQTT_TLS_PORT", "MQTT_MUTUAL_TLS_PORT", "WEB_TLS_PORT")
START_S = 600
PATIENCE_S = 60


def engine_answers() -> bool:
    """Whether there is a Docker engine with Compose."""
    if shutil.which(DOCKER) is None:
        return False
    for command in ([DOCKER, "info"], [DOCKER, "compose", "version"]):
        if subprocess.run(command, capture_output=True, timeout=30, check=False).returncode:  # noqa: S603
            return False
    return True


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for something that must come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)  # between two looks


def docker(*arguments: str) -> str:
    """What ``docker`` says, which must succeed."""
    done = subprocess.run(  # noqa: S603
        [DOCKER, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def inspect(container: str) -> dict[str, Any]:
    """All that the engine knows of a container, and so whoever may ask it."""
    described: dict[str, Any] = json.loads(docker("inspect", container))[0]
    return described


class Stack:
    """One compose project.

    Args:
        folder: An empty folder, which becomes a copy of the project.
        name: The project's name.
        files: The compose files, the first one first.
    """

    def __init__(self, folder: Path, name: str, files: Sequence[str] = ("docker-compose.yml",)) -> None:
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file in FILES:
            shutil.copy2(ROOT / file, folder / file)
        self.folder = folder
        self.is_tls = "docker-compose.tls.yml" in files
        taken: list[int] = []
        # Below those from which outgoing connections take theirs.
        for preferred in (31883, 31018, 31090, 31080, 31983, 31984, 31443):
            taken.append(free_port(preferred, taken))
        self.ports = dict(zip((*PORTS, *TLS_PORTS), taken, strict=True))
        self._name = name
        self._project = [DOCKER, "compose", "-p", name]
        self._files = [part for file in files for part in ("-f", file)]
        self._environment = {**os.environ, **{port: str(number) for port, number in self.ports.items()}}
        # For several ingestors.
        self._environment["HTTP_PORT"] += f"-{self.ports['HTTP_PORT'] + 3}"

    @contextmanager
    def up(self, *options: str) -> Iterator["Stack"]:
        """The stack while it runs; nothing of it is there before and after."""
        self.compose("down", "--volumes", "--remove-orphans")
        try:
            self.compose("up", "--detach", "--wait", *options, timeout=START_S)
            yield self
        finally:
            self.compose("--profile", "tools", "down", "--volumes", "--remove-orphans")

    def compose(
        self, *arguments: str, timeout: float = 120, check: bool = True, stdin: str | None = None
    ) -> str:
        """What ``docker compose`` says, which must succeed unless ``check`` is off."""
        done = self.run([*self._files, *arguments], timeout, stdin)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout

    def run(
        self, arguments: Sequence[str], timeout: float = 120, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``docker compose`` as it is, without naming the files."""
        return subprocess.run(  # noqa: S603
            [*self._project, *arguments],
            cwd=self.folder,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def containers(self, *services: str) -> list[str]:
        """The ids of these services' containers, or of all that there are."""
        return self.compose("ps", "--all", "--quiet", *services).split()

    def lasting_containers(self, *services: str) -> list[str]:
        """The ids of these services' containers, but for those of ``run``, which may be on their way out."""
        listing = ("ps", "--all", "--quiet", "--no-trunc")
        project = ("--filter", f"label=com.docker.compose.project={self._name}")
        lasting = ("--filter", "label=com.docker.compose.oneoff=False")
        of_services = (("--filter", f"label=com.docker.compose.service={each}") for each in services)
        return [each for of in of_services for each in docker(*listing, *project, *lasting, *of).split()]

    def is_healthy(self) -> bool:
        """Whether every container that runs on is."""
        states = [inspect(each)["State"] for each in self.containers(*SERVICES)]
        return {state.get("Health", {}).get("Status") for state in states} == {"healthy"}

    @property
    def passwords(self) -> dict[str, str]:
        """All of them, from where a user finds them."""
        return {name: value for name, value in dotenv_values(self.folder / ".env").items() if value}

    def database(self) -> MongoClient[dict[str, Any]]:
        """The whole database, as an administrator."""
        password = self.passwords["MONGO_ADMIN_PASSWORD"]
        url = f"mongodb://admin:{password}@127.0.0.1:{self.ports['MONGO_PORT']}/?authSource=admin"
        if self.is_tls:
            url += f"&tls=true&tlsCAFile={self.folder / 'ca.crt'}"
        return MongoClient(url, serverSelectionTimeoutMS=2000)

    @property
    def web(self) -> str:
        """Where the web page is."""
        if self.is_tls:
            return f"https://localhost:{self.ports['WEB_TLS_PORT']}"
        return f"http://127.0.0.1:{self.ports['WEB_PORT']}"

    def log_in(self, user: str, password: str) -> str:
        """The page that one gets after logging in.

        Raises:
            HTTPError: One is not let in.
        """
        handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPCookieProcessor()]
        if self.is_tls:
            trusted = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
            handlers.append(urllib.request.HTTPSHandler(context=trusted))
        opener = urllib.request.build_opener(*handlers)
        form = urllib.parse.urlencode({"user": user, "password": password}).encode()
        with opener.open(f"{self.web}/login", form, timeout=20) as page:
            assert page.url == f"{self.web}/"
            shown: str = page.read().decode()
            return shown
