"""``broker certs``: a private authority, and the certificates that it issues and revokes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from broker.access.accounts import open_accounts
from broker.access.authority import CertificateAuthority
from broker.access.command_settings import (
    InitAuthoritySettings,
    IssueCertificateSettings,
    ListCertificatesSettings,
    RevokeCertificateSettings,
)
from broker.access.disconnect import disconnect_user
from broker.access.user_commands import print_line
from broker.settings import read_settings

SERVERS = ("broker", "mongodb", "web")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def ensure_server_certificates(authority: CertificateAuthority, hosts: Sequence[str] = ()) -> Path:
    """Have a certificate for each server that is good for a month more.

    Args:
        authority: What signs them.
        hosts: Names and addresses of this machine, besides those it has for itself.

    Returns:
        The authority's own certificate: what whoever connects has to trust.
    """
    for server in SERVERS:
        authority.ensure_server(server, [*LOCAL_HOSTS, *hosts])
    return authority.folder / "ca.crt"


def init_authority(arguments: list[str], program: str) -> None:
    """Make the authority and the servers' certificates.

    Raises:
        AuthorityError: What is there cannot be used.
    """
    settings = read_settings(InitAuthoritySettings, arguments, program)
    authority = CertificateAuthority(settings.certificates)
    ensure_server_certificates(authority, settings.host)
    if settings.broker_certificates:
        authority.export_server("broker", settings.broker_certificates)
    print_line(f"Whoever connects has to trust {settings.certificates / 'ca.crt'}; give it to them.")
    print_line(f"Keep {settings.certificates / 'ca.key'} to yourself: it makes users of anybody.")


def issue_certificate(arguments: list[str], program: str) -> None:
    """Make a certificate for a user.

    Raises:
        AuthorityError: What is there cannot be used.
        RegisterError: There is no such user.
    """
    settings = read_settings(IssueCertificateSettings, arguments, program)
    with open_accounts(settings.broker_users, settings.topic_root) as register:
        register.find(settings.name)
    path = CertificateAuthority(settings.certificates).issue(settings.name, settings.days)
    print_line(f"{settings.name} has a certificate for {settings.days} days; it and its key are in\n  {path}")
    print_line(f"  connects  mqtts://HOST:PORT/?tlsCAFile=ca.crt&tlsCertificateKeyFile={path.name}")


def revoke_certificate(arguments: list[str], program: str) -> None:
    """Make the certificates of a user worthless.

    Raises:
        AuthorityError: There is none.
    """
    settings = read_settings(RevokeCertificateSettings, arguments, program)
    authority = CertificateAuthority(settings.certificates)
    count = authority.revoke(settings.name)
    many = "1 certificate is" if count == 1 else f"{count} certificates are"
    print_line(f"{many} worthless; {disconnect_user(authority, settings)}.")


def list_certificates(arguments: list[str], program: str) -> None:
    """List all certificates.

    Raises:
        AuthorityError: What is there cannot be used.
    """
    settings = read_settings(ListCertificatesSettings, arguments, program)
    now = datetime.now(UTC)
    for each in CertificateAuthority(settings.certificates).issued:
        state = f"good until {each.until:%Y-%m-%d}"
        if each.revoked_at is not None:
            state = f"revoked on {each.revoked_at:%Y-%m-%d}"
        elif each.until < now:
            state = f"ended on {each.until:%Y-%m-%d}"
        print_line(f"{each.name:<24} {state:<22} {each.serial[:16]}")
