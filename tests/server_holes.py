"""``python -m tests.server_holes``: whether the servers have a hole that is known, by ``server_holes.toml``.

Looked at are the Mosquitto and the MongoDB of this machine and the images in docker-compose.yml. A hole that
an option of ours closes is named with the test that shows it; another one fails the check.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from broker.access.accounts import find_program
from stack.mongod import find_mongod

ROOT = Path(__file__).parent.parent
HOLES = Path(__file__).with_suffix(".toml")
SERVERS = ("mosquitto", "mongod")
NUMBER = re.compile(r"\d+\.\d+\.\d+")
IMAGE = re.compile(r"^ *image: (?:eclipse-(mosquitto)|(mongo)):(\d+\.\d+\.\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is used.

    Attributes:
        name: One of ``SERVERS``.
        version: As its authors call it.
        debian: The version of Debian's package, if it is one.
        where: For people.
    """

    name: str
    version: str
    where: str
    debian: str | None = None


@dataclass(frozen=True, slots=True)
class Hole:
    """A hole as ``server_holes.toml`` has it."""

    server: str
    id: str
    what: str
    fixed: list[str]
    since: str = "0"
    debian: str | None = None
    safe_by: str | None = None
    accepted: str | None = None

    def is_in(self, server: Server) -> bool:
        """Whether a server has it."""
        if server.name != self.server:
            return False
        if server.debian and self.debian:
            dpkg = ["dpkg", "--compare-versions", server.debian, "lt", self.debian]
            return subprocess.run(dpkg, check=False).returncode == 0  # noqa: S603
        version, fixed = Version(server.version), [Version(each) for each in self.fixed]
        of_series = [each for each in fixed if each.release[:2] == version.release[:2]]
        return Version(self.since) <= version < (of_series[0] if of_series else max(fixed))


def read_holes() -> list[Hole]:
    """All that are known."""
    return [Hole(**each) for each in tomllib.loads(HOLES.read_text())["hole"]]


def servers_here() -> list[Server]:
    """The servers of this machine."""
    package = None
    if (query := shutil.which("dpkg-query")) and find_program("mosquitto") == "/usr/sbin/mosquitto":
        done = _output(query, "--show", "--showformat=${Version}", "mosquitto")
        package = done if NUMBER.match(done) else None
    return [
        Server("mosquitto", _number(find_program("mosquitto"), "-h"), "this machine", package),
        Server("mongod", _number(find_mongod(), "--version"), "this machine"),
    ]


def servers_of_compose(text: str) -> list[Server]:
    """The servers whose images a compose file names."""
    return [
        Server("mongod" if mongo else mosquitto, version, "docker-compose.yml")
        for mosquitto, mongo, version in IMAGE.findall(text)
    ]


def look(servers: Iterable[Server], holes: Iterable[Hole]) -> tuple[list[str], int]:
    """Say what is known of some servers.

    Returns:
        A sentence for each hole, and how many of them nothing keeps us from.
    """
    found = [(server, hole) for server in servers for hole in holes if hole.is_in(server)]
    sentences = []
    for server, hole in found:
        reason = f"closed by our options ({hole.safe_by})" if hole.safe_by else hole.accepted or "OPEN"
        version = server.debian or server.version
        sentences.append(f"{server.name} {version} of {server.where}: {hole.id}, {hole.what}: {reason}")
    return sentences, sum(not (hole.safe_by or hole.accepted) for _, hole in found)


def _number(*command: str) -> str:
    found = NUMBER.search(_output(*command))
    return found[0] if found else "0"


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603


def main() -> int:
    """Print what is known.

    Returns:
        1 if a hole is open, else 0.
    """
    servers = servers_here() + servers_of_compose((ROOT / "docker-compose.yml").read_text())
    sentences, count = look(servers, read_holes())
    sys.stdout.writelines(f"{each}\n" for each in sentences)
    sys.stdout.write(f"{count or 'no'} open hole{'' if count == 1 else 's'} in {len(servers)} servers\n")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
