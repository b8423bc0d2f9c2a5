"""Known holes of the servers."""

import re

import pytest

from tests.conftest import ROOT
from tests.server_holes import SERVERS, Hole, Server, look, read_holes, servers_here, servers_of_compose

HOLE = Hole("mongod", "CVE-1", "it leaks", ["6.0.27", "8.0.17"], since="5.0.0")


@pytest.mark.parametrize(
    ("version", "has_it"),
    [
        ("4.4.1", False),
        ("5.0.9", True),
        ("6.0.26", True),
        ("6.0.27", False),
        ("7.0.99", True),
        ("8.0.16", True),
        ("8.0.17", False),
        ("8.2.0", False),
    ],
)
def test_version_has_a_hole_until_it_is_mended_in_its_series(version: str, has_it: bool) -> None:
    assert HOLE.is_in(Server("mongod", version, "here")) == has_it
    assert not HOLE.is_in(Server("mosquitto", version, "here"))


@pytest.mark.parametrize(("package", "has_it"), [("2.0.11-1.2+deb12u1", True), ("2.0.11-1.2+deb12u2", False)])
def test_debian_mends_without_a_new_version(package: str, has_it: bool) -> None:
    hole = Hole("mosquitto", "CVE-2", "it ends", ["2.0.19"], debian="2.0.11-1.2+deb12u2")
    assert hole.is_in(Server("mosquitto", "2.0.11", "here", package)) == has_it
    assert hole.is_in(Server("mosquitto", "2.0.11", "here"))


def test_hole_that_nothing_closes_is_open() -> None:
    server = Server("mongod", "6.0.5", "here")
    closed = Hole("mongod", "CVE-3", "it leaks", ["6.0.27"], safe_by="tests/a.py::test_b")
    sentences, count = look([server], [HOLE, closed])
    assert count == 1
    assert sentences[0] == "mongod 6.0.5 of here: CVE-1, it leaks: OPEN"
    assert sentences[1].endswith("closed by our options (tests/a.py::test_b)")


def test_no_server_that_is_used_has_an_open_hole() -> None:
    servers = servers_here() + servers_of_compose((ROOT / "docker-compose.yml").read_text())
    assert [server.name for server in servers] == [*SERVERS, *SERVERS]
    sentences, count = look(servers, read_holes())
    assert count == 0, sentences


def test_old_image_has_some() -> None:
    text = "    image: mongo:8.0.17\n    image: eclipse-mosquitto:2.0.15@sha256:00\n"
    sentences, count = look(servers_of_compose(text), read_holes())
    assert count >= 8, sentences


def test_each_hole_is_of_a_server_and_its_test_exists() -> None:
    for hole in read_holes():
        assert hole.server in SERVERS
        assert re.fullmatch(r"CVE-\d{4}-\d+", hole.id)
        if hole.safe_by:
            file, _, test = hole.safe_by.partition("::")
            assert f"def {test}(" in (ROOT / file).read_text()
