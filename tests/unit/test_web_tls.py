"""What the web page needs to speak https, and whom it believes; a mistake there is one sentence."""

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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CertificateAuthority(tmp_path_factory.mktemp("authority")).ensure_server("web", ["localhost"])


def test_nothing_older_than_tls_1_2_is_spoken(certificate: Path) -> None:
    context = server_context(certificate, certificate)
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert server_context(None, None) is None


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


@pytest.mark.parametrize("proxy", ["192.0.2.7", "192.0.2.0/28", "::1", "2001:db8::/64"])
def test_proxy_is_an_address_or_a_network(proxy: str) -> None:
    assert read_settings(WebSettings, ["--trusted-proxy", proxy], "web").trusted_proxy == proxy


@pytest.mark.parametrize("proxy", ["*", "localhost", "192.0.2.7/24", "0.0.0.0/0", "::/0", "1.2.3.4,5.6.7.8"])
def test_nobody_else_is_believed(proxy: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        read_settings(WebSettings, ["--trusted-proxy", proxy], "web")
    assert "write " in capsys.readouterr().err
