"""A broker and a database that are not the stack's own: their URLs in .env."""

from pathlib import Path

import pytest

from stack.secrets.credentials import Credentials
from stack.secrets.external import External, ExternalError, read_external
from stack.secrets.passwords import NAMES

PASSWORDS = {name: name.lower() for name in NAMES}


def _env(tmp_path: Path, *lines: str) -> Path:
    env = tmp_path / ".env"
    env.write_text("".join(f"{line}\n" for line in lines))
    return env


def test_without_a_url_the_stack_has_its_own(tmp_path: Path) -> None:
    external = read_external(_env(tmp_path, "ENERGY_MQTT_URL=", "MQTT_PORT=1"))
    assert external == External()
    ours = Credentials(PASSWORDS, external=external)
    assert ours.mqtt("web", 1) == "mqtt://web:mqtt_web_password@127.0.0.1:1"


def test_each_program_has_its_own_user_there(tmp_path: Path) -> None:
    mongo = "mongodb://a.example.org,b.example.org/meters?replicaSet=rs"
    mqtt = "mqtts://broker.example.org/?tlsCAFile=/at@home"
    env = _env(tmp_path, f"ENERGY_MQTT_URL={mqtt}", f"ENERGY_MONGO_URL={mongo}")
    theirs = Credentials(PASSWORDS, external=read_external(env))
    assert theirs.mqtt("web", 1) == mqtt.replace("://", "://web:mqtt_web_password@")
    assert theirs.mqtt_url("Hall-1", "own", 1) == mqtt.replace("://", "://Hall-1:own@")
    assert theirs.mongo("viewer", 1) == mongo.replace("://", "://viewer:mongo_viewer_password@")


def test_user_in_the_url_is_that_of_all_programs(tmp_path: Path) -> None:
    url = "mongodb+srv://me:secret@cluster.example.org/energy_db"
    theirs = Credentials(PASSWORDS, external=read_external(_env(tmp_path, f"ENERGY_MONGO_URL={url}")))
    assert theirs.mongo("ingestor", 1) == theirs.mongo("operator", 1) == url
    assert theirs.mqtt("web", 1).startswith("mqtt://web:")
    assert "secret" not in repr(theirs.external)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ENERGY_MQTT_URL=http://me:hunter2@h", "ENERGY_MQTT_URL in .env: write the URL as mqtt://"),
        ("ENERGY_MONGO_URL=mongodb://me:hunter2@h", "ENERGY_MONGO_URL in .env: write the URL as mongodb://"),
    ],
)
def test_url_that_cannot_be_used_is_named_and_not_shown(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(ExternalError) as rejected:
        read_external(_env(tmp_path, line))
    assert str(rejected.value).startswith(why)
    assert "hunter2" not in str(rejected.value)
