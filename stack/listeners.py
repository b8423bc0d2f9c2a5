"""Who listens on a port of 127.0.0.1, as the kernel tells it.

A port that was free a moment ago may be somebody else's by now. Nothing is sent to a server of ours, and its
address is told to nobody, before its own process is seen to listen there.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
LISTEN = "0A"
# 127.0.0.1 and all addresses, in IPv4, in IPv6, and the one within the other; as the kernel writes them.
HERE = frozenset({"0100007F", "00000000", "0" * 32, "0000000000000000FFFF00000100007F"})


def listening_sockets(port: int) -> set[str]:
    """The sockets, of whomever, that listen on a port of 127.0.0.1."""
    found = set()
    for table in ("tcp", "tcp6"):
        file = PROC / "net" / table
        if not file.exists():
            continue
        for line in file.read_text().splitlines()[1:]:
            _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
            address, _, number = local.partition(":")
            if state == LISTEN and address in HERE and int(number, 16) == port:
                found.add(f"socket:[{inode}]")
    return found


def sockets_of_session(leader: int) -> set[str]:
    """The sockets that a process and its descendants have open.

    Args:
        leader: The process, which leads a session of its own.
    """
    found = set[str]()
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if os.getsid(int(folder.name)) == leader:
                found.update(_open_files(folder))
    return {each for each in found if each.startswith("socket:")}


def _open_files(process: Path) -> Iterator[str]:
    for file in list((process / "fd").iterdir()):
        with contextlib.suppress(OSError):  # just closed; the others still count
            yield str(file.readlink())
