"""``scripts/up`` as users run it, but for the installing, and the processes that it starts."""

import sys
from pathlib import Path

from stack.processes import Process


class Up:
    """One run of the stack in a folder of the test's own."""

    def __init__(self, state: Path, number: int, *options: str) -> None:
        self.log = state.parent / f"up-{number}.log"
        self.env_file = state / "stack.env"
        command = [sys.executable, "-m", "stack", "--state", str(state), *options]
        self.process = Process("up", command, {"COLUMNS": "80"}, self.log)

    @property
    def pid(self) -> int:
        assert self.process.running is not None
        return self.process.running.pid

    @property
    def status(self) -> int | None:
        return self.process.running.returncode if self.process.running else None

    def output(self) -> str:
        return self.log.read_text()

    def readings(self) -> list[str]:
        return [line for line in self.output().splitlines() if "🟢" in line or "🔴" in line]

    def environment(self) -> dict[str, str]:
        lines = self.env_file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def children(parent: int) -> dict[int, str]:
    """The running processes that a process started: command lines by id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent_of_this = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent_of_this == parent:
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def descendants(parent: int) -> dict[int, str]:
    """The running processes that a process started, and those that these started."""
    found = children(parent)
    for child in tuple(found):
        found |= descendants(child)
    return found


def is_running(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
