"""What Docker hands out: to each service what it needs, and no other can read it."""

import stat
from pathlib import Path

import pytest

from broker.program.settings import read_settings
from ingestor.settings import IngestorSettings
from stack.secrets.passwords import ensure_passwords
from stack.secrets.provision import USERS, ProvisionSettings, provision_secrets

pytestmark = pytest.mark.integration


def handed_out(folder: Path, env: str = "") -> Path:
    (folder / ".env").write_text(env)
    (folder / "broker").mkdir()
    options = {"env": folder / ".env", "secrets": folder / "secrets", "broker": folder / "broker"}
    options["mongodb-socket"] = folder / "socket"
    arguments = [word for name, path in options.items() for word in (f"--{name}", str(path))]
    provision_secrets(read_settings(ProvisionSettings, arguments, "passwords"))
    return folder / "secrets"


@pytest.mark.parametrize(
    ("env", "notify"),
    [("", None), ("ENERGY_NOTIFY=ntfys://ntfy.sh/nobody-guesses\n", "ntfys://ntfy.sh/nobody-guesses")],
)
def test_addresses_of_people_are_in_a_file_for_the_ingestor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: str, notify: str | None
) -> None:
    secrets = handed_out(tmp_path, env)
    for name in ("mqtt-url", "mongo-url", "notify"):
        variable = f"ENERGY_{name.upper().replace('-', '_')}_FILE"
        monkeypatch.setenv(variable, str(secrets / "ingestor" / name))
    assert read_settings(IngestorSettings, [], "ingestor").notify == notify
    others = [file for file in secrets.rglob("*") if file.is_file() and file.parent.name != "ingestor"]
    assert not [file for file in others if "nobody-guesses" in file.read_text()]


def test_service_gets_its_own_passwords_and_no_others(tmp_path: Path) -> None:
    secrets = handed_out(tmp_path)
    passwords = ensure_passwords(tmp_path / ".env")
    needs = {
        "mosquitto": {"MQTT_HEALTH_PASSWORD", "MQTT_VIEWER_PASSWORD"},
        "mongodb": {"MONGO_ADMIN_PASSWORD"},
        "sensor-node": {"MQTT_SENSORS_PASSWORD"},
        "ingestor": {"MQTT_INGESTOR_PASSWORD", "MONGO_INGESTOR_PASSWORD"},
        "monitor": {
            "MQTT_WEB_PASSWORD",
            "MONGO_OPERATOR_PASSWORD",
            "WEB_VIEWER_PASSWORD",
            "WEB_OPERATOR_PASSWORD",
        },
        "users": {name for name in passwords if name.startswith("MONGO_")},
    }
    assert needs.keys() == USERS.keys()
    for service, names in needs.items():
        files = list((secrets / service).iterdir())
        text = "".join(file.read_text() for file in files)
        assert {name for name, password in passwords.items() if password in text} == names
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE((secrets / service).stat().st_mode) == 0o700
