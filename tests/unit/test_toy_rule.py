"""A new alarm rule is one file and one line in the registry: all else follows from that."""

import json
import subprocess
import sys
from typing import Any

import pytest

TOPIC = "energy/alarms/annex/S-1"
ALARM = {
    "id": "S-1@idle@2026-11-23T10:00:00.000Z",
    "rule": "idle",
    "severity": "critical",
    "state": "active",
    "acknowledged": False,
    "since": "2026-11-23T10:00:00.000Z",
    "message": "0.1 kWh, below 0.5 kWh",
}
EXPECTED = {
    "explained": [
        "  idle (major): Raised by a reading below 0.5 kWh.",
        "  idle: its severity is critical.",
    ],
    "shelved": "Shelve(shelve='idle', minutes=5, user=None)",
    "peaks": [0.2],
    "published": [[TOPIC, True, [ALARM]], [TOPIC, True, []]],
}
# Where a part could have a list of rules of its own, and what goes wrong then.
BYPASSES = {
    "RULES_OVER_READINGS": {"published", "peaks"},
    "RULES_EXPLAINED": {"explained"},
    "RULES_OF_COMMANDS": {"shelved"},
    "RULES_WITH_PEAKS": {"peaks"},
}


def run(*modules: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *modules]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program


def tell(*bypasses: str) -> dict[str, Any]:
    ended = run("tests.toy_rule.build", "tests.toy_rule.story", *bypasses)
    assert not ended.returncode, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def test_rule_with_a_line_in_the_registry_is_complete() -> None:
    assert tell() == EXPECTED


def test_rule_without_the_line_is_unknown() -> None:
    ended = run("tests.toy_rule.story")
    assert ended.returncode
    assert "rules.unused: there is no such rule" in ended.stderr


@pytest.mark.parametrize("point", BYPASSES)
def test_part_that_bypasses_the_registry_is_found(point: str) -> None:
    told = tell(point)
    assert {name for name in EXPECTED if told[name] != EXPECTED[name]} == BYPASSES[point]
