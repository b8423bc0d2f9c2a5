"""A private certificate authority in a folder, for TLS without a public one.

    ca.crt            the authority's certificate; every client must trust it
    ca.key            its private key, which signs; stays here
    crl.pem           the revocation list
    issued.json       all certificates that it issued
    NAME.pem          a server's certificate and key
    clients/NAME.pem  a client's certificate and key

The common name of a sensor's certificate is the sensor's name, which the broker takes for the user.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from pydantic import AwareDatetime, BaseModel, TypeAdapter

from broker.access.certificates import (
    CLOCK_SKEW,
    alternative_name,
    certificate_pem,
    key_pem,
    load_key,
    make_certificate,
)
from broker.program.atomic_write import private_folder, write_private
from broker.topics import SiteId

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 365
EPHEMERAL_FOR = timedelta(minutes=5)
RENEW_BEFORE = timedelta(days=30)
SERVERS = ("broker", "mongodb", "web")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class AuthorityError(Exception):
    """Raised when a certificate cannot be made, found or revoked; says why."""


class IssuedCertificate(BaseModel):
    """One certificate that was issued.

    Attributes:
        serial: Its serial number, hexadecimal.
        revoked_at: None while it is not revoked.
    """

    serial: str
    name: SiteId
    until: AwareDatetime
    revoked_at: AwareDatetime | None = None


_issued_list = TypeAdapter(list[IssuedCertificate])


class CertificateAuthority:
    """The authority in a folder, created there if there is none.

    Raises:
        AuthorityError: What is there cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            private_folder(folder)
            if not (folder / "ca.key").exists():
                self._create()
            self._key = load_key((folder / "ca.key").read_bytes())
            self._certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
            file = folder / "issued.json"
            self.issued = _issued_list.validate_json(file.read_bytes()) if file.exists() else []
            if not (folder / "crl.pem").exists():
                self._write_revocations()
        except OSError as error:
            raise AuthorityError(f"{folder} cannot be used ({error.strerror})") from error
        except ValueError as error:
            raise AuthorityError(
                f"the certificate authority in {folder} cannot be read; put it back from a copy"
            ) from error

    def issue(self, name: str, days: int = CERTIFICATE_DAYS, hosts: Sequence[str] = ()) -> Path:
        """Write a new certificate and its key into one file.

        Args:
            name: Whose it is.
            days: How long it is valid.
            hosts: Host names and addresses of a server; none for a client.
        """
        certificate, pem = self._sign(name, timedelta(days=days), hosts)
        path = self.folder / f"{name}.pem" if hosts else self.client_file(name)
        write_private(path, pem)
        serial, until = f"{certificate.serial_number:x}", certificate.not_valid_after_utc
        self.issued.append(IssuedCertificate(serial=serial, name=name, until=until))
        self._write_issued()
        return path

    def ensure_servers(self, hosts: Sequence[str] = ()) -> Path:
        """Make the certificates of all servers, for the local names and these.

        Returns:
            The authority's own certificate, which clients must trust.
        """
        for server in SERVERS:
            self.ensure_server(server, [*LOCAL_HOSTS, *hosts])
        return self.folder / "ca.crt"

    def ensure_server(self, name: str, hosts: Sequence[str]) -> Path:
        """The certificate of a server; a new one, unless it is valid for a month more and these hosts."""
        path = self.folder / f"{name}.pem"
        return path if self._is_valid(path, hosts) else self.issue(name, hosts=hosts)

    def issue_ephemeral(self, name: str) -> str:
        """A client's certificate and key that are valid for five minutes and not recorded."""
        return self._sign(name, EPHEMERAL_FOR, ())[1]

    def revoke(self, name: str) -> int:
        """Revoke all valid certificates of a name, and say how many there were.

        Raises:
            AuthorityError: There was none.
        """
        now = datetime.now(UTC)
        valid = [
            each for each in self.issued if each.name == name and each.revoked_at is None and each.until > now
        ]
        if not valid:
            raise AuthorityError(f"there is no valid certificate of {name!r}")
        for each in valid:
            each.revoked_at = now
        self._write_revocations()
        self._write_issued()
        self.client_file(name).unlink(missing_ok=True)
        return len(valid)

    def export_server(self, server: str, to: Path) -> None:
        """Copy what a server needs into its folder: ``ca.crt``, ``crl.pem``, its certificate and its key."""
        private_folder(to)
        for name in ("ca.crt", "crl.pem", f"{server}.pem"):
            write_private(to / name, (self.folder / name).read_text())

    def client_file(self, name: str) -> Path:
        """The file for a client's certificate and key."""
        return private_folder(self.folder / "clients") / f"{name}.pem"

    def _create(self) -> None:
        lifetime = timedelta(days=AUTHORITY_DAYS)
        certificate, key = make_certificate("Energy Monitor: private authority", datetime.now(UTC), lifetime)
        write_private(self.folder / "ca.crt", certificate_pem(certificate))
        write_private(self.folder / "ca.key", key_pem(key))

    def _sign(self, name: str, lifetime: timedelta, hosts: Sequence[str]) -> tuple[x509.Certificate, str]:
        """A certificate, and the text of it and its key."""
        issuer = self._certificate, self._key
        certificate, key = make_certificate(name, datetime.now(UTC), lifetime, issuer, hosts)
        return certificate, certificate_pem(certificate) + key_pem(key)

    def _is_valid(self, path: Path, hosts: Sequence[str]) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            certificate.verify_directly_issued_by(self._certificate)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except Exception:  # noqa: BLE001 - whatever is wrong with it, a new one is made
            return False
        lasts = certificate.not_valid_after_utc > datetime.now(UTC) + RENEW_BEFORE
        return lasts and set(names) >= {alternative_name(host) for host in hosts}

    def _write_issued(self) -> None:
        write_private(self.folder / "issued.json", _issued_list.dump_json(self.issued, indent=1).decode())

    def _write_revocations(self) -> None:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - CLOCK_SKEW)
            # A list that ends would lock everybody out: it is replaced when something is revoked.
            .next_update(self._certificate.not_valid_after_utc)
        )
        for each in self.issued:
            if each.revoked_at is not None and each.until > now:
                revoked = x509.RevokedCertificateBuilder().serial_number(int(each.serial, 16))
                builder = builder.add_revoked_certificate(revoked.revocation_date(each.revoked_at).build())
        write_private(self.folder / "crl.pem", certificate_pem(builder.sign(self._key, hashes.SHA256())))
