"""What is fuzzed: one module for each thing that reads what others have written.

Each has ``check``, which takes any bytes and raises if the product does with them what it may not; ``SEEDS``,
hostile inputs that are too large to be kept as files, or too good to be found by chance; and ``TOKENS``, the
words of its language.
"""

import importlib
from typing import Protocol, cast

NAMES = (
    "payload",
    "topic",
    "command",
    "status",
    "settings",
    "alarms",
    "rest",
    "ledger",
    "outbox",
    "plain",
    "register",
    "cookie",
    "scenario",
    "recording",
)
# Where the product's code is; what runs in it guides the fuzzer.
PACKAGES = ("broker", "ingestor", "monitor", "sensor_node")


class Target(Protocol):
    """What each module has."""

    SEEDS: tuple[bytes, ...]
    TOKENS: tuple[bytes, ...]

    def check(self, data: bytes) -> None:
        """Hand an input to the product, and raise unless it does the right thing with it."""


def load(name: str) -> Target:
    """Import a target, and with it the code that it tests."""
    return cast("Target", importlib.import_module(f"{__name__}.{name}"))
