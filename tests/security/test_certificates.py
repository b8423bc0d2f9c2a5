"""TLS and certificates: with none, a foreign, an old or a revoked one, one stays outside."""

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest
import pytest_asyncio
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure

from broker.access.authority import AuthorityError, CertificateAuthority
from broker.address import MqttAddress
from broker.connection import OutgoingMessage
from broker.errors import BrokerError, BrokerLostError
from broker.supervisor import ConnectionSupervisor
from tests.fault_points.broker import CLIENT_ID, CLOCK_OF_CERTIFICATES
from tests.security.test_users import broker
from tests.security.world import World, start_world
from tests.servers import PATIENCE_S, Wire, comes_true, eventually

pytestmark = pytest.mark.integration


def ours(world: World) -> CertificateAuthority:
    return CertificateAuthority(world.servers.state / "certificates")


def url(world: World, certificate: Path) -> str:
    """The broker's address for somebody with a certificate."""
    trusted = world.servers.accounts.authority
    return (
        f"mqtts://127.0.0.1:{world.servers.mutual_port}/"
        f"?tlsCAFile={trusted}&tlsCertificateKeyFile={certificate}"
    )


async def may_publish(world: World, certificate: Path, topic: str = "energy/readings/a/sensor-a1") -> bool:
    """Whether the broker takes a reading of sensor-a1 from somebody with a certificate."""
    try:
        async with Wire(url(world, certificate)) as wire:
            await wire.publish(topic, b"{}")
    except BrokerError:
        return False
    return True


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def unchecked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A broker that asks for certificates, but not under whose id somebody comes or what was revoked.

    Nor which ciphers they use.
    """
    folder = tmp_path_factory.mktemp("unchecked")
    async with start_world(folder, tls=True, without="use_username_as_clientid|crlfile|echo .ciphers") as one:
        yield one


async def test_certificate_lets_its_sensor_in_and_no_further(tls_world: World) -> None:
    certificate = ours(tls_world).issue("sensor-a1")
    assert await may_publish(tls_world, certificate)
    for topic in ("energy/readings/a/sensor-a2", "energy/alerts/a/sensor-a1", "energy/commands/a/sensor-a1"):
        assert not await may_publish(tls_world, certificate, topic)


async def test_certificate_is_issued_on_the_command_line_and_revoked(tls_world: World) -> None:
    await broker(tls_world, "users", "add", "meter-8", "--role", "sensor", "--site", "a", "--certificate")
    status, said = await broker(tls_world, "certs", "issue", "meter-8", "--days", "30")
    assert status == 0, said
    path = tls_world.servers.state / "certificates" / "clients" / "meter-8.pem"
    certificate = tls_world.servers.state / "stolen.pem"
    certificate.write_bytes(path.read_bytes())
    await eventually(lambda: may_publish(tls_world, certificate, "energy/readings/a/meter-8"), 5)
    async with Wire(url(tls_world, certificate)) as meter:
        status, said = await broker(tls_world, "certs", "revoke", "meter-8")
        assert (status, said) == (
            0,
            "1 certificate revoked; its connection was ended.\n",
        )
        await eventually(lambda: meter.is_lost, 5)
    assert not await may_publish(tls_world, certificate, "energy/readings/a/meter-8")
    assert "revoked on" in (await broker(tls_world, "certs", "list"))[1]
    assert (await broker(tls_world, "certs", "revoke", "meter-8"))[0] == 1
    await broker(tls_world, "users", "remove", "meter-8")


async def test_removing_a_user_revokes_the_certificate_too(tls_world: World) -> None:
    await broker(tls_world, "users", "add", "meter-9", "--role", "sensor", "--site", "a", "--certificate")
    await broker(tls_world, "certs", "issue", "meter-9")
    stolen = tls_world.servers.state / "stolen-9.pem"
    stolen.write_bytes((tls_world.servers.state / "certificates" / "clients" / "meter-9.pem").read_bytes())
    await eventually(lambda: may_publish(tls_world, stolen, "energy/readings/a/meter-9"), 5)
    async with Wire(url(tls_world, stolen)) as meter:
        assert (await broker(tls_world, "users", "remove", "meter-9"))[0] == 0
        await eventually(lambda: meter.is_lost, 5)
    with pytest.raises(BrokerLostError):
        async with Wire(url(tls_world, stolen)):
            pass


async def test_without_the_list_a_revoked_certificate_goes_on(unchecked: World) -> None:
    authority = ours(unchecked)
    stolen = unchecked.servers.state / "stolen.pem"
    stolen.write_bytes(authority.issue("sensor-a1").read_bytes())
    authority.revoke("sensor-a1")
    await asyncio.sleep(1.5)  # a list would count within a second
    assert await may_publish(unchecked, stolen)


async def test_command_for_a_certificate_of_nobody_is_rejected(tls_world: World) -> None:
    status, said = await broker(tls_world, "certs", "issue", "nobody")
    assert (status, said.startswith("broker certs issue: there is no user 'nobody'")) == (1, True)


def with_dates(world: World, begin: timedelta, days: int) -> Path:
    """A certificate of sensor-a1 that began some time ago."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(time.time() + begin.total_seconds(), tz)

    with CLOCK_OF_CERTIFICATES.replace(Then):
        issued = ours(world).issue("sensor-a1", days=days)
    # Each in a file of its own: what a file holds is read once.
    return issued.rename(world.servers.state / f"sensor-a1-{begin.days}.pem")


async def test_certificate_counts_in_its_time_only(tls_world: World) -> None:
    """The same in all but its dates: of today it is good, ended yesterday or beginning tomorrow it is not."""
    assert await may_publish(tls_world, with_dates(tls_world, timedelta(), 5))
    assert not await may_publish(tls_world, with_dates(tls_world, timedelta(days=-10), 9))
    assert not await may_publish(tls_world, with_dates(tls_world, timedelta(days=1), 9))


async def test_foreign_authority_makes_nobody(tls_world: World, tmp_path: Path) -> None:
    """The same name and dates; only who signed it differs."""
    foreign = CertificateAuthority(tmp_path / "foreign")
    for name in ("sensor-a1", "ingestor"):
        assert not await may_publish(tls_world, foreign.issue(name))


async def test_server_certificate_is_none_for_a_client(tls_world: World) -> None:
    certificate = ours(tls_world).issue("sensor-a1", hosts=["localhost"])
    assert not await may_publish(tls_world, certificate)


async def test_name_without_an_account_may_do_nothing(tls_world: World) -> None:
    assert not await may_publish(tls_world, ours(tls_world).issue("unknown"), "energy/readings/a/unknown")


async def test_no_certificate_no_entry_whatever_the_password(tls_world: World) -> None:
    port = tls_world.servers.mutual_port
    assert port is not None
    address = tls_world.servers.accounts.mqtt_url("sensor-a1", tls_world.passwords["sensor-a1"], port)
    with pytest.raises(BrokerLostError):
        async with Wire(address):
            pass


def ways_of_others(world: World) -> dict[str, str]:
    """The ways in for a user of another sensor: with a certificate, and with a password."""
    return {
        "certificate": url(world, ours(world).issue("sensor-a2")),
        "password": world.url("sensor-a2"),
    }


async def stays(world: World, way: str, within_s: float) -> bool:
    """Whether a sensor stays connected when another one comes under its client id."""
    victim = url(world, ours(world).issue("sensor-a1"))

    def link(address: str) -> ConnectionSupervisor:
        will = OutgoingMessage("energy/status/a/x", b"")
        return ConnectionSupervisor(
            MqttAddress.parse(address), "sensor-a1", lambda *_: None, will, takeover_hint=""
        )

    with CLIENT_ID.replace(lambda name, _address: name):
        async with (
            link(victim).new_connection() as connection,
            link(ways_of_others(world)[way]).new_connection(),
        ):
            return not await comes_true(lambda: connection.is_lost, within_s)


@pytest.mark.parametrize("way", ["certificate", "password"])
async def test_with_tls_nobody_comes_under_anothers_id(tls_world: World, way: str) -> None:
    assert await stays(tls_world, way, within_s=2)


@pytest.mark.parametrize("way", ["certificate", "password"])
async def test_where_the_id_is_free_to_choose_one_could(unchecked: World, way: str) -> None:
    assert not await stays(unchecked, way, within_s=PATIENCE_S)


def speaks(port: int, version: ssl.TLSVersion, ciphers: str = "DEFAULT:@SECLEVEL=0") -> bool:
    """Whether a server shakes hands in one version of TLS, with one of some ciphers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        plain = socket.create_connection(("127.0.0.1", port), 5)
        with plain, context.wrap_socket(plain):
            return True
    return False


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_old_versions_of_tls_are_rejected(tls_world: World) -> None:
    servers = tls_world.servers
    for port in (servers.mqtt_port, servers.mongo_port):
        assert speaks(port, ssl.TLSVersion.TLSv1_2)
        assert not speaks(port, ssl.TLSVersion.TLSv1)
        assert not speaks(port, ssl.TLSVersion.TLSv1_1)


# Those that encrypt block by block and check only then, which has been broken again and again.
BLOCK_BY_BLOCK = "ECDHE+AES:!AESGCM:!AESCCM"


def speaks_block_by_block(port: int) -> bool:
    return speaks(port, ssl.TLSVersion.TLSv1_2, BLOCK_BY_BLOCK)


def test_broker_takes_no_ciphers_that_check_too_late(tls_world: World) -> None:
    assert not speaks_block_by_block(tls_world.servers.mqtt_port)


def test_without_the_list_of_ciphers_it_would(unchecked: World) -> None:
    assert speaks_block_by_block(unchecked.servers.mqtt_port)


async def test_nobody_is_served_without_tls(tls_world: World) -> None:
    servers = tls_world.servers
    with pytest.raises(BrokerLostError):
        async with Wire(f"mqtt://viewer:x@127.0.0.1:{servers.mqtt_port}"):
            pass
    with (
        MongoClient[dict[str, object]](
            f"mongodb://127.0.0.1:{servers.mongo_port}", serverSelectionTimeoutMS=1000
        ) as client,
        pytest.raises(ConnectionFailure),
    ):
        client.admin.command("ping")


async def test_client_speaks_to_no_server_that_it_does_not_know(tls_world: World, tmp_path: Path) -> None:
    """Who stands in between has no certificate of our authority, or one for another host."""
    right = tls_world.url("viewer")
    foreign = CertificateAuthority(tmp_path / "foreign").folder / "ca.crt"
    wrong = right.replace(str(tls_world.servers.accounts.authority), str(foreign))
    with pytest.raises(BrokerLostError, match="TLS failed"):
        async with Wire(wrong):
            pass
    with pytest.raises(BrokerLostError, match="TLS failed"):
        async with Wire(right.replace("@127.0.0.1:", "@127.1:")):
            pass
    async with Wire(right):
        pass
    mongo = tls_world.servers.mongo("viewer").replace(str(tls_world.servers.accounts.authority), str(foreign))
    with (
        MongoClient[dict[str, object]](mongo, serverSelectionTimeoutMS=1000) as client,
        pytest.raises(ConnectionFailure, match="certificate verify failed"),
    ):
        client.admin.command("ping")


def test_certificates_hold_what_they_should_and_keys_are_private(tls_world: World) -> None:
    folder = tls_world.servers.state / "certificates"
    for file in folder.rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, file
    openssl = shutil.which("openssl") or "openssl"
    strictly = ["-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost"]
    for server in ("broker", "mongodb", "web"):
        files = ["-CAfile", str(folder / "ca.crt"), str(folder / f"{server}.pem")]
        command = [openssl, "verify", *strictly, *files]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        assert checked.returncode == 0, checked.stderr


def test_servers_certificates_are_kept_until_they_near_their_end(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    first = authority.ensure_server("broker", ["localhost"]).read_bytes()
    assert CertificateAuthority(tmp_path).ensure_server("broker", ["localhost"]).read_bytes() == first
    assert authority.ensure_server("broker", ["localhost", "energy.example.org"]).read_bytes() != first
    authority.issue("broker", days=29, hosts=["localhost"])
    short = (tmp_path / "broker.pem").read_bytes()
    assert authority.ensure_server("broker", ["localhost"]).read_bytes() != short


def test_authority_that_is_damaged_is_told_and_left_alone(tmp_path: Path) -> None:
    CertificateAuthority(tmp_path)
    (tmp_path / "ca.key").write_text("nothing")
    with pytest.raises(AuthorityError, match="cannot be read; put it back from a copy"):
        CertificateAuthority(tmp_path)
    assert (tmp_path / "ca.key").read_text() == "nothing"


def test_file_of_a_url_that_is_missing_is_told_and_nothing_of_the_url(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"tlsCAFile.*cannot be used \(No such file") as told:
        MqttAddress.parse(f"mqtts://u:hidden@h/?tlsCAFile={tmp_path}/none").tls_context()
    assert "hidden" not in str(told.value)
    for wrong in ("mqtt://h/?tlsCAFile=x", "mqtts://h/?other=x", "mqtts://h/?tlsCAFile"):
        with pytest.raises(ValueError, match=r"write the URL|there may be"):
            MqttAddress.parse(wrong)
