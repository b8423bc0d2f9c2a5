"""By which names a page may be called.

Another website can have its own name lead to this machine (DNS rebinding). A browser then takes what is
served here for a part of that website. The name in the ``Host`` header gives it away.
"""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator

from broker.program.escape import escape_truncated

NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})")
MAX_SHOWN = 100


def check_hosts(text: str) -> str:
    """Let a list of names and addresses pass."""
    for host in text.split(","):
        if not NAME.fullmatch(host) and not _is_address(host):
            raise ValueError(
                "write names as browsers show them, without a port, with commas between: energy.example.org"
            )
    return text


Hosts = Annotated[str, AfterValidator(check_hosts)]


class HostNames:
    """The names of a page: this machine's own, the address it listens on, and those that are set.

    Args:
        http: ``host:port`` to listen on. If it stands for all addresses, each address is a name: no other
            website has one of those.
        more: Further names, with commas between.
    """

    def __init__(self, http: str, more: str | None) -> None:
        listening = http.rpartition(":")[0].strip("[]").lower()
        self._has_all_addresses = _is_address(listening) and ipaddress.ip_address(listening).is_unspecified
        names = [*(more or "").lower().split(","), listening, "localhost", "127.0.0.1", "::1"]
        self._names = frozenset(each.strip("[]") for each in names if each)

    def rejection(self, header: str) -> str | None:
        """Why a request with this ``Host`` header is rejected, as a sentence; None if it may pass."""
        host = re.sub(r":[0-9]*\Z", "", header.strip()).lower().strip("[]").removesuffix(".")
        # Browsers always send one; old programs may not.
        if not host or host in self._names or (self._has_all_addresses and _is_address(host)):
            return None
        shown = escape_truncated(host, MAX_SHOWN)
        return f"this server is not called {shown}; if it should be, add the name to ENERGY_HOSTS (--hosts)"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
