"""Settings: once, at the edge, and never with a traceback."""

import re
from datetime import timedelta

import pytest

from broker.program.settings import ProcessSettings, read_settings
from broker.topics import ID_RULE
from ingestor.settings import IngestorSettings
from monitor.cli.settings import VerifySettings, WatchSettings
from monitor.web.settings import WebSettings
from sensor_node.settings import SensorNodeSettings
from stack.__main__ import UpSettings

MONGO_FORM = "write the URL as mongodb://user:password@host:port/database"
MQTT_FORM = "write the URL as mqtt://user:password@host:port or mqtts://…"
ALL = (IngestorSettings, SensorNodeSettings, WatchSettings, VerifySettings, WebSettings, UpSettings)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP", "MONGO_URL", "MQTT_URL", "SITE", "THRESHOLD_KWH", "TOPIC_ROOT"):
        monkeypatch.delenv(f"ENERGY_{name}", raising=False)


def test_defaults_are_those_of_the_contract() -> None:
    ingestor = read_settings(IngestorSettings, [], "ingestor")
    assert ingestor.mqtt_url == "mqtt://127.0.0.1:1883"
    assert ingestor.mongo_url == "mongodb://127.0.0.1:27017/energy_db"
    assert (ingestor.topic_root, ingestor.sites, ingestor.threshold_kwh) == ("energy", ("+",), 12.0)
    assert ingestor.http is None
    node = read_settings(SensorNodeSettings, [], "sensor-node")
    assert (node.site, node.location, node.profile) == ("lari", "LARI Research Lab", "lari")
    assert (node.count, node.interval, node.readings) == (1, timedelta(seconds=2), None)


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGY_THRESHOLD_KWH", "9.5")
    monkeypatch.setenv("ENERGY_SITE", "lari,annex")
    assert read_settings(IngestorSettings, [], "ingestor").threshold_kwh == 9.5
    settings = read_settings(IngestorSettings, ["--threshold-kwh", "7"], "ingestor")
    assert (settings.threshold_kwh, settings.sites) == (7.0, ("lari", "annex"))


def test_variables_of_other_processes_are_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGY_MONGO_URL", "mongodb://h/d")
    monkeypatch.setenv("ENERGY_HTTP", "127.0.0.1:1")
    read_settings(SensorNodeSettings, [], "sensor-node")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            "ENERGY_TRESHOLD=9",
            "the environment variable ENERGY_TRESHOLD is unknown; did you mean ENERGY_THRESHOLD_KWH?",
        ),
        ("ENERGY_THRESHOLD_KWH=0", "ENERGY_THRESHOLD_KWH '0': input should be greater than 0"),
        ("--threshold-kwh=nan", "--threshold-kwh 'nan': input should be a finite number"),
        (
            "ENERGY_SITE=a,,b",
            "ENERGY_SITE 'a,,b': write + for all sites, or names with commas between: lari,annex",
        ),
        ("ENERGY_HTTP=8090", "ENERGY_HTTP '8090': write it as host:port, for example 127.0.0.1:8090"),
        ("ENERGY_TOPIC_ROOT=/energy", f"ENERGY_TOPIC_ROOT '/energy': {ID_RULE}"),
        ("ENERGY_MONGO_URL=mongodb://u:hunter2@h", f"ENERGY_MONGO_URL: {MONGO_FORM}"),
        ("ENERGY_MQTT_URL=mqtt://u:hunter2@h:x", f"ENERGY_MQTT_URL: {MQTT_FORM}"),
        ("--http", "argument --http: expected one argument; `ingestor --help` lists the options"),
        ("now", "unrecognized arguments: now; `ingestor --help` lists the options"),
        (
            "--mqtt-ur=mqtt://u:hunter2@h",
            "unrecognized arguments: --mqtt-ur=mqtt://…; `ingestor --help` lists the options",
        ),
        (
            "--viewer-passwort=hunter2",
            "unrecognized arguments: --viewer-passwort=…; `ingestor --help` lists the options",
        ),
        (
            "--viewer_Password=hunter2",
            "unrecognized arguments: --viewer_Password=…; `ingestor --help` lists the options",
        ),
        ("ENERGY_MONGO_URL=mongodb://u:hunter2@h\u2100/d", f"ENERGY_MONGO_URL: {MONGO_FORM}"),
        (
            "ENERGY_HTTP=[::1]:65536",
            "ENERGY_HTTP '[::1]:65536': write it as host:port, for example 127.0.0.1:8090",
        ),
        ("--drain=-5s", "--drain '-5s': a duration is not negative"),
        (
            "--http=mqtt://u:hunter2@h",
            "--http 'mqtt://…: write it as host:port, for example 127.0.0.1:8090",
        ),
        (
            "a\x1b[2J\u202eb",
            "unrecognized arguments: a\\u001b[2J\\u202eb; `ingestor --help` lists the options",
        ),
    ],
)
def test_wrong_setting_stops_the_start_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str, sentence: str
) -> None:
    arguments = [given]
    if given.startswith("ENERGY_"):
        monkeypatch.setenv(*given.split("=", 1))
        arguments = []
    with pytest.raises(SystemExit) as stopped:
        read_settings(IngestorSettings, arguments, "ingestor")
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"ingestor: {sentence}\n"


@pytest.mark.parametrize("settings", ALL)
def test_help_has_an_example_and_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: type[ProcessSettings]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stopped:
        read_settings(settings, ["--help"], "program")
    assert not stopped.value.code
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Example: ") for line in lines)
    assert [line for line in lines if len(line) > 80] == []
    # Nobody learns here to write a password where everybody can read it.
    assert [line for line in lines if re.search(r"(?i)example.*(://\w+:\w|password[= ])", line)] == []
