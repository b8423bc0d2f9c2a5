"""Mistakes with passwords in them are told in a sentence, and the passwords are not."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stack.servers import Servers

pytestmark = pytest.mark.integration

PASSWORD = "hunter2-and-more"  # noqa: S105 - nobody's
WITHIN_S = 30
Given = tuple[Sequence[str], dict[str, str]]

MQTT = f"mqtt://operator:{PASSWORD}@127.0.0.1"
MONGO = f"mongodb://operator:{PASSWORD}@127.0.0.1"
NOWHERE = {"ENERGY_MQTT_URL": f"{MQTT}:9", "ENERGY_MONGO_URL": f"{MONGO}:9/energy_db"}


def run(command: Sequence[str], variables: dict[str, str], folder: Path, build: str = "") -> tuple[int, str]:
    """Run one of our programs where a user would, or another build of it; status, and all that it says."""
    environment = {**os.environ, "COLUMNS": "80", **variables}
    ended = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, *(["-c", build] if build else ["-m"]), *command],
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=folder,
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
    )
    return ended.returncode, (ended.stdout + ended.stderr).decode()


# Builds of the programs that do not leave passwords out.
CARELESS = "settings.without_secrets = str"
TALKATIVE = "settings.explain = lambda error, _: str(error)"
RUN = """
import runpy, sys
from broker import settings
{change}
sys.argv[0] = sys.argv.pop(1)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

# Written in a wrong way, or right and meant for others.
MISTAKES: dict[str, Given] = {
    "no-scheme": (["ingestor"], {"ENERGY_MQTT_URL": f"operator:{PASSWORD}@127.0.0.1"}),
    "wrong-scheme": (["ingestor"], {"ENERGY_MQTT_URL": f"amqp://operator:{PASSWORD}@127.0.0.1"}),
    "wrong-port": (["ingestor"], {"ENERGY_MQTT_URL": f"{MQTT}:port"}),
    "port-too-high": (["ingestor"], {"ENERGY_MQTT_URL": f"{MQTT}:99999"}),
    "path-behind-it": (["sensor_node"], {"ENERGY_MQTT_URL": f"{MQTT}/{PASSWORD}"}),
    "option-behind-it": (["sensor_node"], {"ENERGY_MQTT_URL": f"{MQTT}/?password={PASSWORD}"}),
    "bracket": (["sensor_node"], {"ENERGY_MQTT_URL": f"mqtt://u:{PASSWORD}@[::1"}),
    "file-that-is-missing": (["sensor_node"], {"ENERGY_MQTT_URL": f"mqtts://u:{PASSWORD}@h/?tlsCAFile=/no"}),
    "no-database": (["monitor", "alarms"], {"ENERGY_MONGO_URL": MONGO}),
    "colon-in-password": (["monitor", "alarms"], {"ENERGY_MONGO_URL": f"mongodb://u:a:{PASSWORD}@h/d"}),
    "at-in-password": (["monitor", "watch"], {"ENERGY_MONGO_URL": f"mongodb://u:a@{PASSWORD}@h/d"}),
    "percent-in-password": (["monitor", "watch"], {"ENERGY_MONGO_URL": f"mongodb://u:%{PASSWORD}@h/d"}),
    "slash-in-password": (["monitor", "report"], {"ENERGY_MONGO_URL": f"mongodb://u:/{PASSWORD}@h/d"}),
    "unknown-option-of-mongo": (["monitor", "alarms"], {"ENERGY_MONGO_URL": f"{MONGO}/d?pass={PASSWORD}"}),
    "notify": (["ingestor"], {"ENERGY_NOTIFY": f"nonsense://{PASSWORD}@x"}),
    "notify-of-a-word": (["ingestor"], {"ENERGY_NOTIFY": PASSWORD}),
    "wrong-variable": (["ingestor"], {"ENERGY_MQTT_URI": MQTT}),
    "wrong-option": (["ingestor", f"--mqtt-uri={MQTT}"], {}),
    "wrong-option-apart": (["ingestor", "--mqtt-uri", MQTT], {}),
    "twice": (["ingestor", "--mqtt-url", MQTT, "--mqtt-url", f"{MQTT}:x"], {}),
    "url-where-a-number-is": (["ingestor", "--threshold-kwh", MQTT], {}),
    "url-where-a-site-is": (["ingestor", "--site", MQTT], {}),
    "url-without-its-option": (["monitor", "watch", MONGO], {}),
    "url-as-a-command": (["monitor", MONGO], {}),
    "url-as-a-command-of-broker": (["broker", MQTT], {}),
    "url-as-a-command-of-ingestor": (["ingestor", MQTT], {}),
    "password-of-the-page": (["monitor", "web", f"--viewer-pass={PASSWORD}"], {}),
    "password-and-file": (
        ["monitor", "web"],
        {"ENERGY_VIEWER_PASSWORD": PASSWORD, "ENERGY_VIEWER_PASSWORD_FILE": "x"},
    ),
    "page-cannot-listen": (
        ["monitor", "web", "--http", "192.0.2.1:1"],
        NOWHERE | {"ENERGY_VIEWER_PASSWORD": PASSWORD, "ENERGY_OPERATOR_PASSWORD": PASSWORD},
    ),
    "file-of-the-url": (["ingestor"], {"ENERGY_MQTT_URL_FILE": "no-such-file"}),
    "nobody-there": (["monitor", "alarms"], NOWHERE),
    "nobody-there-for-a-command": (["monitor", "shelve", "S", "silent"], NOWHERE),
    "users": (["broker", "users", "add", "Meter-1", "--role", "sensor", f"--password={PASSWORD}"], {}),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_told_without_the_password(tmp_path: Path, name: str) -> None:
    command, variables = MISTAKES[name]
    status, said = run(command, variables, tmp_path)
    assert status in {1, 2}
    assert said
    assert PASSWORD not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("wrong-option", CARELESS),
        ("url-where-a-number-is", CARELESS),
        ("url-as-a-command", CARELESS),
        ("password-of-the-page", CARELESS),
        ("no-scheme", TALKATIVE),
        ("notify-of-a-word", TALKATIVE),
    ],
)
def test_program_that_does_not_care_would_tell_it(tmp_path: Path, name: str, change: str) -> None:
    command, variables = MISTAKES[name]
    assert PASSWORD in run(command, variables, tmp_path, RUN.format(change=change))[1]


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        (["ingestor"], "ENERGY_MQTT_URL"),
        (["ingestor"], "ENERGY_MONGO_URL"),
        (["sensor_node"], "ENERGY_MQTT_URL"),
        (["monitor", "alarms"], "ENERGY_MONGO_URL"),
        (["monitor", "sensors"], "ENERGY_MONGO_URL"),
        (["monitor", "acknowledge", "S@silent@2026-11-23T10:00:00.000Z"], "ENERGY_MONGO_URL"),
    ],
)
def test_wrong_password_is_told_without_it(
    servers: Servers, tmp_path: Path, command: list[str], variable: str
) -> None:
    urls = {"ENERGY_MQTT_URL": servers.mqtt("ingestor"), "ENERGY_MONGO_URL": servers.mongo("ingestor")}
    right = urls[variable].rpartition("@")[0].rpartition(":")[2]
    urls[variable] = urls[variable].replace(right, PASSWORD)
    status, said = run(command, urls, tmp_path)
    assert status == 1
    assert PASSWORD not in said
    assert not any(url.rpartition("@")[0].rpartition(":")[2] in said for url in urls.values())
    assert "Traceback" not in said
