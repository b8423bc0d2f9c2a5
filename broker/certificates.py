"""``broker certs``: a private authority, and the certificates that it issues and revokes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from broker.authority import Authority
from broker.kick import disconnect
from broker.register import open_register
from broker.settings import read_settings
from broker.users import say
from broker.users_settings import (
    CertificateListSettings,
    InitSettings,
    IssueSettings,
    RevokeSettings,
)

SERVERS = ("broker", "mongodb", "web")
HERE = ("localhost", "127.0.0.1", "::1")


def keep_servers(authority: Authority, hosts: Sequence[str] = ()) -> Path:
    """Have a certificate for each server that is good for a month more.

    Args:
        authority: What signs them.
        hosts: Names and addresses of this machine, besides those it has for itself.

    Returns:
        The authority's own certificate: what whoever connects has to trust.
    """
    for server in SERVERS:
        authority.keep_server(server, [*HERE, *hosts])
    return authority.folder / "ca.crt"


def init(arguments: list[str], program: str) -> None:
    """Make the authority and the servers' certificates.

    Raises:
        AuthorityError: What is there cannot be used.
    """
    settings = read_settings(InitSettings, arguments, program)
    authority = Authority(settings.certificates)
    keep_servers(authority, settings.host)
    if settings.broker_certificates:
        authority.hand_out("broker", settings.broker_certificates)
    say(f"Whoever connects has to trust {settings.certificates / 'ca.crt'}; give it to them.")
    say(f"Keep {settings.certificates / 'ca.key'} to yourself: it makes users of anybody.")


def issue(arguments: list[str], program: str) -> None:
    """Make a certificate for a user.

    Raises:
        AuthorityError: What is there cannot be used.
        RegisterError: There is no such user.
    """
    settings = read_settings(IssueSettings, arguments, program)
    with open_register(settings.broker_users, settings.topic_root) as register:
        register.find(settings.name)
    path = Authority(settings.certificates).issue(settings.name, settings.days)
    say(f"{settings.name} has a certificate for {settings.days} days; it and its key are in\n  {path}")
    say(f"  connects  mqtts://HOST:PORT/?tlsCAFile=ca.crt&tlsCertificateKeyFile={path.name}")


def revoke(arguments: list[str], program: str) -> None:
    """Make the certificates of a user worthless.

    Raises:
        AuthorityError: There is none.
    """
    settings = read_settings(RevokeSettings, arguments, program)
    authority = Authority(settings.certificates)
    count = authority.revoke(settings.name)
    many = "1 certificate is" if count == 1 else f"{count} certificates are"
    say(f"{many} worthless; {disconnect(authority, settings)}.")


def list_certificates(arguments: list[str], program: str) -> None:
    """List all certificates.

    Raises:
        AuthorityError: What is there cannot be used.
    """
    settings = read_settings(CertificateListSettings, arguments, program)
    now = datetime.now(UTC)
    for each in Authority(settings.certificates).issued:
        state = f"good until {each.until:%Y-%m-%d}"
        if each.revoked_at is not None:
            state = f"revoked on {each.revoked_at:%Y-%m-%d}"
        elif each.until < now:
            state = f"ended on {each.until:%Y-%m-%d}"
        say(f"{each.name:<24} {state:<22} {each.serial[:16]}")
