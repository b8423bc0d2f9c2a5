"""What programs are told in secret is in files of their own."""

import stat
from pathlib import Path

import pytest

from broker.program.settings import read_settings
from ingestor.settings import IngestorSettings
from stack.secrets.secret_files import SecretFiles


def test_program_reads_what_was_hidden_and_not_what_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGY_MQTT_URL", "mqtt://of-somebody-else")
    variables = SecretFiles(tmp_path / "secrets").write("ingestor", {"ENERGY_MQTT_URL": "mqtt://u:hunter2@h"})
    assert "hunter2" not in str(variables)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert read_settings(IngestorSettings, [], "ingestor").mqtt_url == "mqtt://u:hunter2@h"


def test_nobody_else_can_read_it_and_nothing_is_left_of_earlier_runs(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    SecretFiles(folder).write("Sensor-1", {"ENERGY_MQTT_URL": "old"})
    SecretFiles(folder).write("web", {"ENERGY_MONGO_URL": "new"})
    assert [str(file.relative_to(folder)) for file in folder.rglob("*")] == ["web", "web/mongo-url"]
    assert stat.S_IMODE((folder / "web" / "mongo-url").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "web").stat().st_mode) == 0o700
