"""Ports on this machine."""

import atexit
import itertools
import socket
from collections.abc import Collection, Iterator
from functools import cache

# Below the ports that the kernel gives to outgoing connections, and away from everybody's defaults.
FIRST_PORT, LAST_PORT, BLOCK_SIZE = 10_000, 26_000, 200


def free_port(preferred: int, taken: Collection[int] = ()) -> int:
    """The preferred port of 127.0.0.1, or the next one that nobody listens on.

    Args:
        preferred: Where to begin.
        taken: Ports that are spoken for.
    """
    return next(port for port in range(preferred, 65536) if port not in taken and _is_free(port))


def reserve_port() -> int:
    """A port of 127.0.0.1 that no other process gets from here, so that a server can still take it later.

    Raises:
        OSError: Too many processes have reserved ports.
    """
    _, ports = _own_block()
    return next(port for port in ports if _is_free(port))


@cache
def _own_block() -> tuple[socket.socket, Iterator[int]]:
    """The socket that claims a block of ports, by being bound to the first one, and the others."""
    for first in range(FIRST_PORT, LAST_PORT, BLOCK_SIZE):
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", first))
        except OSError:
            claim.close()
            continue
        atexit.register(claim.close)
        return claim, itertools.cycle(range(first + 1, first + BLOCK_SIZE))
    raise OSError("every block of ports is in use; end some of the test runs on this machine")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
