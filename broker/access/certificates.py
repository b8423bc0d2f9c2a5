"""X.509 certificates and keys as text: P-256 keys, signatures with ECDSA and SHA-256."""

import ipaddress
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PrivateKey = ec.EllipticCurvePrivateKey
# Clocks of small devices are not always right.
CLOCK_SKEW = timedelta(hours=1)


def new_key() -> PrivateKey:
    """Make a private key."""
    return ec.generate_private_key(ec.SECP256R1())


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


def common_name(text: str) -> x509.Name:
    """A name that has nothing but a common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def alternative_name(host: str) -> x509.GeneralName:
    """A host name or an IP address, as a certificate lists it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def certificate_builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    valid: tuple[datetime, timedelta],
    *,
    is_authority: bool,
) -> x509.CertificateBuilder:
    """Begin a certificate, to be signed.

    Args:
        subject: Whose it is.
        issuer: Who signs it.
        key: The key that it certifies.
        valid: From when on, less an hour for wrong clocks, and for how long.
        is_authority: Whether it may sign others.
    """
    begin, lifetime = valid
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
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - CLOCK_SKEW)
        .not_valid_after(begin + lifetime)
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
