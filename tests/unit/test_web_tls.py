"""What the web page needs to speak https, and whom it believes; a mistake there is one sentence."""

import contextlib
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from broker.access.authority import CertificateAuthority
from broker.program.settings import read_settings
from monitor.web.serve import serve_command
from monitor.web.settings import WebSettings
from monitor.web.tls import server_context
from tests.fault_points.web import CIPHERS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CertificateAuthority(tmp_path_factory.mktemp("authority")).ensure_server("web", ["localhost"])


def test_nothing_older_than_tls_1_2_is_spoken(certificate: Path) -> None:
    context = server_context(certificate, certificate)
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert server_context(None, None) is None


def handshake(server: ssl.SSLContext, ciphers: str) -> str:
    """Which of its ciphers a client of TLS 1.2 gets."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(ciphers)
    pipes = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(pipes[0], pipes[1])
    theirs = server.wrap_bio(pipes[1], pipes[0], server_side=True)
    for _ in range(4):
        for each in (ours, theirs):
            with contextlib.suppress(ssl.SSLWantReadError):
                each.do_handshake()
    return ours.cipher()[0]  # type: ignore[index]


CBC = "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA384:AES256-SHA:AES128-SHA256"


def test_ciphers_that_encrypt_without_signing_are_not_spoken(certificate: Path) -> None:
    context = server_context(certificate, certificate)
    assert context is not None
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        handshake(context, CBC)
    assert "GCM" in handshake(context, f"{CBC}:ECDHE+AESGCM")
    with CIPHERS.replace("ALL"):
        context = server_context(certificate, certificate)
        assert context is not None
        assert "GCM" not in handshake(context, CBC)


def broken(certificate: Path, folder: Path) -> dict[str, tuple[Path | None, Path | None, str]]:
    """Files that cannot be used, and what is said."""
    other = CertificateAuthority(folder / "other").ensure_server("web", ["localhost"])
    text, locked, nowhere = folder / "text", folder / "locked", folder / "nowhere"
    text.write_text("no certificate")
    key = load_pem_private_key(certificate.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    both = "do not hold a certificate and a key without a password, as PEM"
    neither = "give --tls-certificate and --tls-key, or neither"
    return {
        "no key": (certificate, None, f"--tls-key is missing; {neither}"),
        "no certificate": (None, certificate, f"--tls-certificate is missing; {neither}"),
        "missing": (nowhere, certificate, f"--tls-certificate {nowhere} cannot be read (No such file or"),
        "folder": (certificate, folder, f"--tls-key {folder} cannot be read (Is a directory)"),
        "text": (text, certificate, f"{text} and {certificate} {both}"),
        "another's": (certificate, other, f"the key in {other} is not that of the certificate in"),
        "locked": (certificate, locked, f"{certificate} and {locked} {both}"),
    }


@pytest.mark.parametrize(
    "case", ["no key", "no certificate", "missing", "folder", "text", "another's", "locked"]
)
def test_files_that_cannot_be_used_are_told_in_one_sentence(
    certificate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    chain, key, sentence = broken(certificate, tmp_path)[case]
    arguments = [f"--tls-certificate={chain}"] if chain else []
    with pytest.raises(SystemExit, match="2"):
        serve_command([*arguments, *([f"--tls-key={key}"] if key else [])])
    told = capsys.readouterr().err
    assert told.startswith(f"monitor web: {sentence}")
    assert told.count("\n") == 1


@pytest.mark.parametrize("user", ["viewer", "operator"])
def test_short_password_is_rejected_in_one_sentence(user: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        read_settings(WebSettings, [f"--{user}-password", "x"], "monitor web")
    told = capsys.readouterr().err
    assert told == f"monitor web: --{user}-password: a password has at least 12 characters\n"
    read_settings(WebSettings, [f"--{user}-password", "x" * 12], "monitor web")


@pytest.mark.parametrize("hosts", ["", "energy.example.org", "a.example,b.example", "192.0.2.7,::1"])
def test_names_of_the_page_are_names(hosts: str) -> None:
    assert read_settings(WebSettings, ["--hosts", hosts], "web").hosts == (hosts or None)


@pytest.mark.parametrize("hosts", ["*", "http://a.example", "a.example:8080", "a.example, b.example", "a/b"])
def test_other_names_are_told_in_one_sentence(hosts: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        read_settings(WebSettings, ["--hosts", hosts], "web")
    assert "write names as browsers show them" in capsys.readouterr().err


@pytest.mark.parametrize("proxy", ["192.0.2.7", "192.0.2.0/28", "::1", "2001:db8::/64"])
def test_proxy_is_an_address_or_a_network(proxy: str) -> None:
    assert read_settings(WebSettings, ["--trusted-proxy", proxy], "web").trusted_proxy == proxy


@pytest.mark.parametrize("proxy", ["*", "localhost", "192.0.2.7/24", "0.0.0.0/0", "::/0", "1.2.3.4,5.6.7.8"])
def test_nobody_else_is_believed(proxy: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        read_settings(WebSettings, ["--trusted-proxy", proxy], "web")
    assert "write " in capsys.readouterr().err
