"""A private certificate authority in a folder: what makes TLS work without anybody else.

    ca.crt            what everybody trusts; give it to whoever connects
    ca.key            what signs; stays here
    crl.pem           which certificates are no longer good
    issued.json       all that were issued
    NAME.pem          a server's certificate, and the key to it
    clients/NAME.pem  the same of a sensor or of somebody else who connects

Keys are on the curve P-256, signatures ECDSA with SHA-256. The certificate of a sensor has its name as
common name, which the broker takes for the user.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from broker.atomic_write import private_folder, write_private
from broker.topics import SiteId

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 365
RENEW_BEFORE = timedelta(days=30)
# Clocks of small devices are not always right.
CLOCK_SKEW = timedelta(hours=1)


class AuthorityError(Exception):
    """Raised when a certificate cannot be made, found or revoked; says why."""


class IssuedCertificate(BaseModel):
    """One certificate that was issued.

    Attributes:
        serial: Its number, hexadecimal.
        name: Whose it is.
        until: When it ends.
        revoked_at: Since when it is no longer good; None while it is.
    """

    serial: str
    name: SiteId
    until: AwareDatetime
    revoked_at: AwareDatetime | None = None


_issued_list = TypeAdapter(list[IssuedCertificate])


class CertificateAuthority:
    """The authority in a folder, which is made with its key if there is none.

    Args:
        folder: Where it keeps everything.

    Raises:
        AuthorityError: What is there cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            private_folder(folder)
            if not (folder / "ca.key").exists():
                self._create()
            self._key = _load_key((folder / "ca.key").read_bytes())
            self._certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
            file = folder / "issued.json"
            self.issued = _issued_list.validate_json(file.read_bytes()) if file.exists() else []
            if not (folder / "crl.pem").exists():
                self._write_crl()
        except OSError as error:
            raise AuthorityError(f"{folder} cannot be used ({error.strerror})") from error
        except (ValueError, ValidationError) as error:
            raise AuthorityError(
                f"the certificate authority in {folder} cannot be read; put it back from a copy"
            ) from error

    def issue(self, name: str, days: int = CERTIFICATE_DAYS, hosts: Sequence[str] = ()) -> Path:
        """Make a key and a certificate for it.

        Args:
            name: Whose it is.
            days: How long it is good.
            hosts: Host names and addresses that a server has; none for a client.

        Returns:
            The file with both.
        """
        key, certificate = self._sign(name, timedelta(days=days), hosts)
        path = self._path(name) if hosts else self.client_file(name)
        write_private(path, _pem(certificate) + _key_pem(key))
        self._record(certificate, name)
        return path

    def ensure_server(self, name: str, hosts: Sequence[str]) -> Path:
        """Have a certificate for a server: the one that is there, if it is good for a month and these hosts.

        Args:
            name: Which server.
            hosts: Host names and addresses that people use for it.
        """
        path = self._path(name)
        return path if path.exists() and self._is_valid(path, hosts) else self.issue(name, hosts=hosts)

    def issue_ephemeral(self, name: str) -> str:
        """A certificate for a client, with its key, that is good for some minutes and not kept."""
        key, certificate = self._sign(name, timedelta(minutes=5), ())
        return _pem(certificate) + _key_pem(key)

    def revoke(self, name: str) -> int:
        """Make all certificates of a name worthless.

        Returns:
            How many there were.

        Raises:
            AuthorityError: There was none that is still good.
        """
        now = datetime.now(UTC)
        good = [
            each for each in self.issued if each.name == name and each.revoked_at is None and each.until > now
        ]
        if not good:
            raise AuthorityError(f"there is no certificate of {name!r} that is still good")
        for each in good:
            each.revoked_at = now
        self._write_crl()
        self.client_file(name).unlink(missing_ok=True)
        return len(good)

    def export_server(self, server: str, to: Path) -> None:
        """Give a server what it needs, and not the key that signs.

        Args:
            server: Whose certificate.
            to: Its folder, which gets ``ca.crt``, ``crl.pem`` and the server's own certificate with its key.
        """
        private_folder(to)
        for name in ("ca.crt", "crl.pem", f"{server}.pem"):
            write_private(to / name, (self.folder / name).read_text())

    def client_file(self, name: str) -> Path:
        """Where the certificate of somebody who connects is."""
        return private_folder(self.folder / "clients") / f"{name}.pem"

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def _create(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _common_name("Energy Monitor: private authority")
        certificate = (
            _certificate_builder(subject, subject, key.public_key(), timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(self.folder / "ca.crt", _pem(certificate))
        write_private(self.folder / "ca.key", _key_pem(key))

    def _sign(
        self, name: str, good_for: timedelta, hosts: Sequence[str]
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        ours = self._certificate
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _certificate_builder(_common_name(name), ours.subject, key.public_key(), good_for)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if hosts:
            alternatives = [_alternative_name(host) for host in hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return key, builder.sign(self._key, hashes.SHA256())

    def _is_valid(self, path: Path, hosts: Sequence[str]) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            certificate.verify_directly_issued_by(self._certificate)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except Exception:  # noqa: BLE001 - whatever is wrong with it, a new one is made
            return False
        lasts = certificate.not_valid_after_utc > datetime.now(UTC) + RENEW_BEFORE
        return lasts and set(names) >= {_alternative_name(host) for host in hosts}

    def _record(self, certificate: x509.Certificate, name: str) -> None:
        serial = f"{certificate.serial_number:x}"
        self.issued.append(IssuedCertificate(serial=serial, name=name, until=certificate.not_valid_after_utc))
        write_private(self.folder / "issued.json", _issued_list.dump_json(self.issued, indent=1).decode())

    def _write_crl(self) -> None:
        """Write which certificates are revoked; what has ended by itself need not be listed."""
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
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(int(each.serial, 16))
                    .revocation_date(each.revoked_at)
                    .build()
                )
        pem = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        write_private(self.folder / "crl.pem", pem.decode())
        write_private(self.folder / "issued.json", _issued_list.dump_json(self.issued, indent=1).decode())


def _certificate_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, good_for: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + good_for)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("another kind of key")  # noqa: TRY004 - the file has the wrong value
    return key


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
