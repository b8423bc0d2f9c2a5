"""Certificate and key for https."""

import ssl
from pathlib import Path

# Of TLS 1.2: each connection has keys of its own, and nothing is encrypted without being signed (no CBC).
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class TlsFileError(Exception):
    """Raised when the certificate or its key cannot be used; says which and why."""


def server_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Read the files once, at the start, for TLS 1.2 or newer; None if there are none.

    The certificate's file also holds the intermediate ones. Both files may be the same.

    Raises:
        TlsFileError: Only one is given, or one cannot be used, or they do not belong together.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "certificate" if certificate is None else "key"
        raise TlsFileError(f"--tls-{missing} is missing; give --tls-certificate and --tls-key, or neither")
    for option, file in (("--tls-certificate", certificate), ("--tls-key", key)):
        try:
            file.read_bytes()
        except OSError as error:
            raise TlsFileError(f"{option} {file} cannot be read ({error.strerror})") from None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    try:
        # Without a password of our own, Python would ask for one and wait.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        reason = f"{certificate} and {key} do not hold a certificate and a key without a password, as PEM"
        if error.reason == "KEY_VALUES_MISMATCH":
            reason = f"the key in {key} is not that of the certificate in {certificate}"
        raise TlsFileError(reason) from None
    return context
