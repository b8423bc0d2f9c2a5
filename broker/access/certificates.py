"""X.509 certificates and keys as text: P-256 keys, signatures with ECDSA and SHA-256."""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey
# Clocks of small devices are not always right.
CLOCK_SKEW = timedelta(hours=1)


def load_key(pem: bytes) -> PrivateKey:
    """Read a private key.

    Raises:
        ValueError: It is no key, or a key of another kind.
    """
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, PrivateKey):
        raise ValueError("another kind of key")  # noqa: TRY004 - the file has the wrong value
    return key


def key_pem(key: PrivateKey) -> str:
    """Write a private key, not encrypted."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def certificate_pem(certificate: x509.Certificate | x509.CertificateRevocationList) -> str:
    """Write a certificate or a revocation list."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def alternative_name(host: str) -> x509.GeneralName:
    """A host name or an IP address, as a certificate lists it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def make_certificate(
    name: str,
    begin: datetime,
    lifetime: timedelta,
    issuer: tuple[x509.Certificate, PrivateKey] | None = None,
    hosts: Sequence[str] = (),
) -> tuple[x509.Certificate, PrivateKey]:
    """Make a key, and a certificate of it.

    Args:
        name: Whose it is.
        begin: From when on it is valid, less an hour for wrong clocks.
        lifetime: For how long.
        issuer: Who signs it; None for an authority, which signs its own.
        hosts: Host names and addresses of a server; none for a client.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    is_authority = issuer is None
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    constraints = x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - CLOCK_SKEW)
        .not_valid_after(begin + lifetime)
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is not None:
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer[1].public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        builder = builder.add_extension(issuer_key, critical=False)
    if hosts:
        alternatives = x509.SubjectAlternativeName([alternative_name(host) for host in hosts])
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key
