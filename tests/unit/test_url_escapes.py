"""URLs of broker and database: where they lead, and what is said of a password that must be escaped."""

from pathlib import Path

import pytest

from broker.address import MqttAddress
from broker.program.settings import check_mongo_url

SECRETS = [
    "hun/ter2",
    "1/hunter2",
    "hun#ter2",
    "hun?ter2",
    "100%hunter2",
    "hun%zzter2",
    "hun[ter2",
    "hun]ter2",
]


@pytest.mark.parametrize("password", SECRETS)
@pytest.mark.parametrize(
    ("check", "form"),
    [(MqttAddress.parse, "mqtt://user:{}@host:1883"), (check_mongo_url, "mongodb://user:{}@host:27017/db")],
)
def test_password_that_must_be_escaped_is_told_how_and_not_shown(
    check: object, form: str, password: str
) -> None:
    assert callable(check)
    with pytest.raises(ValueError, match=r"in a user or password, write . as %[2-5]") as told:
        check(form.format(password))
    assert "hunter2" not in str(told.value)
    assert "ter2" not in str(told.value)


@pytest.mark.parametrize("password", ["p@ss", "p:ss"])
def test_mongodb_wants_more_to_be_escaped(password: str) -> None:
    assert MqttAddress.parse(f"mqtt://user:{password}@host").password == password
    with pytest.raises(ValueError, match=r"write @ as %40|write : as %3A"):
        check_mongo_url(f"mongodb://user:{password}@host/db")


def test_escaped_password_and_at_signs_elsewhere_are_right() -> None:
    assert MqttAddress.parse("mqtt://user:%40%2F%23%25@host").password == "@/#%"  # noqa: S105
    assert MqttAddress.parse("mqtts://u:p@h/?tlsCAFile=/a@b").authority == Path("/a@b")
    url = "mongodb://user:%40@a:1,b:2/db?tlsCAFile=/a@b"
    assert check_mongo_url(url) == url


def test_address_is_host_and_port_of_either_kind_or_a_socket() -> None:
    assert str(MqttAddress.parse("mqtt://[::1]:21883")) == "[::1]:21883"
    assert MqttAddress.parse("mqtt://[::1]").host == "::1"
    unix = MqttAddress.parse("mqtt+unix://user:word@localhost/tmp/a%20b/own.sock")
    assert (str(unix), unix.user, unix.password) == ("/tmp/a b/own.sock", "user", "word")  # noqa: S108


@pytest.mark.parametrize("rest", ["localhost", "elsewhere/own.sock", "localhost:1883/own.sock", "localhost/"])
def test_url_of_a_socket_names_localhost_and_a_path(rest: str) -> None:
    with pytest.raises(ValueError, match=r"write the URL as mqtt\+unix://user:password@localhost/path"):
        MqttAddress.parse(f"mqtt+unix://user:word@{rest}")
