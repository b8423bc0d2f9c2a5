"""Mistakes with passwords in them are told in a sentence, and the passwords are not."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stack.servers import Servers
from tests.conftest import ROOT
from tests.programs import run_program

pytestmark = pytest.mark.integration

PASSWORD = "hunter2-and-more"  # noqa: S105 - nobody's
WITHIN_S = 30
Given = tuple[Sequence[str], dict[str, str]]
Run = Callable[[Sequence[str], dict[str, str], Path], tuple[int, str]]

MQTT = f"mqtt://operator:{PASSWORD}@127.0.0.1"
MONGO = f"mongodb://operator:{PASSWORD}@127.0.0.1"
NOWHERE = {"ENERGY_MQTT_URL": f"{MQTT}:9", "ENERGY_MONGO_URL": f"{MONGO}:9/energy_db"}


def run(command: Sequence[str], variables: dict[str, str], folder: Path) -> tuple[int, str]:
    """Run one of our programs in this process; status, and all that it says."""
    ended = run_program(*command, variables={"COLUMNS": "80", **variables}, folder=folder)
    return ended.status, ended.output + ended.errors


def run_as_users_do(command: Sequence[str], variables: dict[str, str], folder: Path) -> tuple[int, str]:
    """Run one of our programs where a user would; status, and all that it says."""
    environment = {**os.environ, "COLUMNS": "80", **variables, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, "-m", *command],
        env=environment,
        cwd=folder,
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
    )
    return ended.returncode, (ended.stdout + ended.stderr).decode()


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


# One of each program, and of each kind: a variable, an option, a command, a file, nobody there. And where
# a library warns of the mistake as well, which would be an error here.
AS_USERS_DO = (
    "unknown-option-of-mongo",
    "wrong-scheme",
    "wrong-option-apart",
    "option-behind-it",
    "url-as-a-command",
    "password-and-file",
    "page-cannot-listen",
    "file-of-the-url",
    "nobody-there",
    "users",
)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_told_without_the_password(tmp_path: Path, name: str) -> None:
    way = run_as_users_do if name in AS_USERS_DO else run
    status, said = way(*MISTAKES[name], tmp_path)
    assert status in {1, 2}
    assert said
    assert PASSWORD not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "careful", "careless"),
    [
        ("wrong-option", "broker.program.settings.redact", str),
        ("url-where-a-number-is", "broker.program.settings.redact", str),
        ("url-as-a-command", "monitor.__main__.redact", str),
        ("password-of-the-page", "broker.program.settings.redact", str),
        ("no-scheme", "broker.program.settings.explain", lambda error, _: str(error)),
        ("notify-of-a-word", "broker.program.settings.explain", lambda error, _: str(error)),
    ],
)
def test_program_that_does_not_care_would_tell_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, careful: str, careless: object
) -> None:
    monkeypatch.setattr(careful, careless)
    assert PASSWORD in run(*MISTAKES[name], tmp_path)[1]


@pytest.mark.parametrize(
    ("command", "variable", "way"),
    [
        (["ingestor"], "ENERGY_MQTT_URL", run_as_users_do),
        (["ingestor"], "ENERGY_MONGO_URL", run),
        (["sensor_node"], "ENERGY_MQTT_URL", run_as_users_do),
        (["monitor", "alarms"], "ENERGY_MONGO_URL", run_as_users_do),
        (["monitor", "sensors"], "ENERGY_MONGO_URL", run),
        (["monitor", "acknowledge", "S@silent@2026-11-23T10:00:00.000Z"], "ENERGY_MONGO_URL", run),
    ],
)
def test_wrong_password_is_told_without_it(
    servers: Servers, tmp_path: Path, command: list[str], variable: str, way: Run
) -> None:
    urls = {"ENERGY_MQTT_URL": servers.mqtt("ingestor"), "ENERGY_MONGO_URL": servers.mongo("ingestor")}
    right = urls[variable].rpartition("@")[0].rpartition(":")[2]
    urls[variable] = urls[variable].replace(right, PASSWORD)
    status, said = way(command, urls, tmp_path)
    assert status == 1
    assert PASSWORD not in said
    assert not any(url.rpartition("@")[0].rpartition(":")[2] in said for url in urls.values())
    assert "Traceback" not in said
