"""Ports on this machine."""

import socket
from collections.abc import Collection


def free_port(preferred: int, taken: Collection[int] = ()) -> int:
    """The preferred port of 127.0.0.1, or the next one that nobody listens on.

    Args:
        preferred: Where to begin.
        taken: Ports that are spoken for.
    """
    return next(port for port in range(preferred, 65536) if port not in taken and _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
