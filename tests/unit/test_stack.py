"""Passwords, ports and defaults."""

import re
import socket
from pathlib import Path

import pytest
from dotenv import dotenv_values

from stack.accounts import Accounts, AccountsError
from stack.ports import free_port

ROOT = Path(__file__).parent.parent.parent


def test_own_env_file_wins_over_the_example(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    (tmp_path / ".env").write_text("MQTT_VIEWER_PASSWORD=mine\nUNRELATED=x\n")
    accounts = Accounts.read(tmp_path)
    assert accounts.mqtt("viewer", 1) == "mqtt://viewer:mine@127.0.0.1:1"
    assert (
        accounts.mongo("admin", 2) == "mongodb://admin:securepassword@127.0.0.1:2/energy_db?authSource=admin"
    )


@pytest.mark.parametrize("password", ["", "a b", "p@ss", "a:b", "a/b", "ä", "x\ny"])
def test_password_that_would_break_a_url_is_refused(tmp_path: Path, password: str) -> None:
    (tmp_path / ".env").write_text(f"MQTT_SENSORS_PASSWORD='{password}'\n")
    with pytest.raises(AccountsError, match=r"^MQTT_SENSORS_PASSWORD in \.env may have letters"):
        Accounts.read(tmp_path)


def test_next_port_is_taken_when_the_preferred_one_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert free_port(port) > port


def test_compose_file_has_the_passwords_of_the_example_and_each_once() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    defaults = re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", compose)
    assert dict(defaults) == {**dotenv_values(ROOT / ".env.example"), "ENERGY_NOTIFY": ""}
    assert len(defaults) == len(dict(defaults))
