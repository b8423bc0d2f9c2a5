"""Ports on this machine."""

import atexit
import itertools
import socket
from collections.abc import Collection, Iterator
from functools import cache

# Below the ports that the kernel gives to outgoing connections, and away from everybody's defaults.
FIRST_PORT, LAST_PORT, BLOCK_SIZE = 10_000, 26_000, 200
_claims: dict[int, socket.socket] = {}


def free_port(preferred: int, taken: Collection[int] = ()) -> int:
    """The preferred port of 127.0.0.1, or the next one that is neither taken nor listened on.

    This function gives it to no other process while this one runs.
    """
    candidates = (port for port in range(preferred, 65536) if port not in taken)
    return next(port for port in candidates if _is_free(port) and _claim(port))


def _claim(port: int) -> bool:
    """Bind the UDP port of this number, which nobody needs: two stacks never choose the same."""
    if port in _claims:
        return True
    claim = socket.socket(type=socket.SOCK_DGRAM)
    try:
        claim.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return False
    atexit.register(claim.close)
    _claims[port] = claim
    return True


def reserve_port() -> int:
    """A port of 127.0.0.1 that this function gives to no other process, for a server that starts later.

    Raises:
        OSError: Too many processes have reserved ports.
    """
    _, ports = _own_block()
    return next(port for port in ports if _is_free(port))


@cache
def _own_block() -> tuple[socket.socket, Iterator[int]]:
    """A socket bound to the first port of a block, which claims the block, and the other ports of it."""
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
