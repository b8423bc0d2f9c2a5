"""``broker certs``: a private authority, and the certificates that it issues and revokes."""

from datetime import UTC, datetime

from broker.access.accounts import open_accounts
from broker.access.authority import CertificateAuthority
from broker.access.command_settings import (
    InitAuthoritySettings,
    IssueCertificateSettings,
    ListCertificatesSettings,
    RevokeCertificateSettings,
)
from broker.access.disconnect import disconnect_user
from broker.program.process import print_line


def init_authority(settings: InitAuthoritySettings) -> None:
    """Make the authority and the servers' certificates."""
    authority = CertificateAuthority(settings.certificates)
    authority.ensure_servers(settings.host)
    if settings.broker_certificates:
        authority.export_server("broker", settings.broker_certificates)
    print_line(f"Give {settings.certificates / 'ca.crt'} to all clients: they must trust it.")
    print_line(f"Keep {settings.certificates / 'ca.key'} secret: its holder can impersonate any user.")


def issue_certificate(settings: IssueCertificateSettings) -> None:
    """Make a certificate for a user."""
    with open_accounts(settings.broker_users, settings.topic_root) as store:
        store.find(settings.name)
    path = CertificateAuthority(settings.certificates).issue(settings.name, settings.days)
    print_line(
        f"Certificate of {settings.name} for {settings.days} days; it and its key are in\n  {path}\n"
        f"  connects  mqtts://HOST:PORT/?tlsCAFile=ca.crt&tlsCertificateKeyFile={path.name}"
    )


def revoke_certificate(settings: RevokeCertificateSettings) -> None:
    """Revoke the certificates of a user."""
    authority = CertificateAuthority(settings.certificates)
    count = authority.revoke(settings.name)
    revoked = "1 certificate revoked" if count == 1 else f"{count} certificates revoked"
    print_line(f"{revoked}; {disconnect_user(authority, settings)}.")


def list_certificates(settings: ListCertificatesSettings) -> None:
    """List all certificates."""
    for each in CertificateAuthority(settings.certificates).issued:
        state = f"valid until {each.until:%Y-%m-%d}"
        if each.revoked_at is not None:
            state = f"revoked on {each.revoked_at:%Y-%m-%d}"
        elif each.until < datetime.now(UTC):
            state = f"expired on {each.until:%Y-%m-%d}"
        print_line(f"{each.name:<24} {state:<22} {each.serial[:16]}")
