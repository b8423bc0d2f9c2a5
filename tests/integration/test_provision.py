"""What Docker hands out: to each service what it needs, and no other can read it."""

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from broker.program.settings import read_settings
from ingestor.settings import IngestorSettings
from stack.secrets.compose_files import remember_tls
from stack.secrets.external import ExternalError
from stack.secrets.passwords import ensure_passwords
from stack.secrets.provision import USERS, ProvisionSettings, provision_secrets

pytestmark = pytest.mark.integration


def handed_out(folder: Path, env: str = "") -> Path:
    (folder / ".env").write_text(env)
    (folder / "broker").mkdir()
    options = {"env": folder / ".env", "secrets": folder / "secrets", "broker": folder / "broker"}
    options |= {"mongodb-socket": folder / "socket", "ingestor": folder / "ingestor"}
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
        "mosquitto": {"MQTT_HEALTH_PASSWORD", "MQTT_VIEWER_PASSWORD", "MQTT_SENSORS_PASSWORD"},
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


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        (
            "ENERGY_MQTT_URL=mqtt://h\n",
            ".env must have ENERGY_MQTT_URL and START_MOSQUITTO=0, or neither of them",
        ),
        ("START_MONGODB=0\n", ".env must have ENERGY_MONGO_URL and START_MONGODB=0, or neither of them"),
    ],
)
def test_server_is_the_stacks_own_or_an_external_one(tmp_path: Path, env: str, sentence: str) -> None:
    with pytest.raises(ExternalError) as rejected:
        handed_out(tmp_path, env)
    assert str(rejected.value) == sentence


def test_programs_get_the_external_servers_and_their_authority(tmp_path: Path) -> None:
    (tmp_path / "theirs.crt").write_text("a certificate")
    mqtt, mongo = "mqtts://b.example.org/?tlsCAFile=theirs.crt", "mongodb://me:hers@db.example.org/meters"
    env = f"ENERGY_MQTT_URL={mqtt}\nENERGY_MONGO_URL={mongo}\nSTART_MOSQUITTO=0\nSTART_MONGODB=0\n"
    secrets = handed_out(tmp_path, env)
    password = ensure_passwords(tmp_path / ".env")["MQTT_SENSORS_PASSWORD"]
    own = "/run/secrets/sensor-node/theirs.crt"
    expected = f"mqtts://sensors:{password}@b.example.org/?tlsCAFile={own}\n"
    assert (secrets / "sensor-node" / "mqtt-url").read_text() == expected
    assert (secrets / "sensor-node" / "theirs.crt").read_text().strip() == "a certificate"
    assert (secrets / "ingestor" / "mongo-url").read_text() == f"{mongo}\n"
    # Its users are not ours to make.
    assert not list((secrets / "users").iterdir())


def test_tls_is_remembered_for_later_commands_and_other_files_stay(tmp_path: Path) -> None:
    env = tmp_path / ".env"

    def files() -> str | None:
        return dotenv_values(env).get("COMPOSE_FILE")

    env.write_text("WEB_PORT=1\n")
    remember_tls(env, tls=True)
    assert files() == "docker-compose.yml:docker-compose.tls.yml"
    remember_tls(env, tls=False)
    assert env.read_text() == "WEB_PORT=1\n"
    (tmp_path / "docker-compose.override.yml").touch()
    remember_tls(env, tls=True)
    assert files() == "docker-compose.yml:docker-compose.override.yml:docker-compose.tls.yml"
    remember_tls(env, tls=False)
    assert files() is None
    env.write_text("COMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=docker-compose.yml;mine.yml\n")
    remember_tls(env, tls=True)
    assert files() == "docker-compose.yml;mine.yml;docker-compose.tls.yml"
    remember_tls(env, tls=False)
    assert files() == "docker-compose.yml;mine.yml"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
