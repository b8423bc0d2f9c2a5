"""``broker certs``: a private authority, and the certificates that it issues and revokes."""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from broker.access.authority import CertificateAuthority
from broker.access.command import HOST_PATTERN, AccessCommand, UserCommand
from broker.address import MqttAddress
from broker.errors import BrokerError
from broker.program.process import print_line
from broker.supervisor import ConnectionSupervisor

# The broker looks for changes twice a second.
RELOADED_WITHIN_S = 1.5


class InitAuthority(AccessCommand):
    """Make a certificate authority and the servers' certificates, where they are missing or old.

    Example: broker certs init --host energy.example.org
    """

    host: list[Annotated[str, StringConstraints(pattern=HOST_PATTERN)]] = Field(
        [], description="name or address by which others reach this machine; may be given again"
    )

    def run(self) -> None:
        """Make what is missing, and say what to do with it."""
        authority = CertificateAuthority(self.certificates)
        authority.ensure_servers(self.host)
        if self.broker_certificates:
            authority.export_server("broker", self.broker_certificates)
        print_line(f"Give {self.certificates / 'ca.crt'} to all clients: they must trust it.")
        print_line(f"Keep {self.certificates / 'ca.key'} secret: its holder can impersonate any user.")


class IssueCertificate(UserCommand):
    """Make a certificate for a user, with its key in the same file.

    Example: broker certs issue Meter-7 --days 90
    """

    days: Annotated[int, Field(ge=1, le=3650)] = Field(365, description="how long it is valid")

    def run(self) -> None:
        """Make the certificate, and show how to connect with it."""
        with self.open_accounts() as store:
            store.find(self.name)
        path = CertificateAuthority(self.certificates).issue(self.name, self.days)
        print_line(
            f"Certificate of {self.name} for {self.days} days; it and its key are in\n  {path}\n"
            f"  connects  mqtts://HOST:PORT/?tlsCAFile=ca.crt&tlsCertificateKeyFile={path.name}"
        )


class RevokeCertificate(UserCommand):
    """Revoke all certificates of a user, and disconnect whoever uses one.

    Example: broker certs revoke Meter-7
    """

    def run(self) -> None:
        """Revoke them, and say how many there were."""
        authority = CertificateAuthority(self.certificates)
        count = authority.revoke(self.name)
        revoked = "1 certificate revoked" if count == 1 else f"{count} certificates revoked"
        print_line(f"{revoked}; {disconnect_user(authority, self)}.")


class ListCertificates(AccessCommand):
    """List all certificates: name, until when they are valid, and which are revoked.

    Example: broker certs list
    """

    def run(self) -> None:
        """Write one line for each."""
        for each in CertificateAuthority(self.certificates).issued:
            state = f"valid until {each.until:%Y-%m-%d}"
            if each.revoked_at is not None:
                state = f"revoked on {each.revoked_at:%Y-%m-%d}"
            elif each.until < datetime.now(UTC):
                state = f"expired on {each.until:%Y-%m-%d}"
            print_line(f"{each.name:<24} {state:<22} {each.serial[:16]}")


def disconnect_user(authority: CertificateAuthority, command: UserCommand) -> str:
    """End the connection of a user whose certificate was revoked, and say in half a sentence what came of it.

    Mosquitto checks its revocation list when a client connects, not later. On the listener for certificates
    the client id is the certificate's name, so a client with the same name takes the session over. That is
    done here, with a certificate that is valid for minutes and never leaves this process.
    """
    if command.broker_certificates:
        authority.export_server("broker", command.broker_certificates)
    return asyncio.run(_take_over_session(authority, command.name, command.certificate_listener))


async def _take_over_session(authority: CertificateAuthority, name: str, listener: str) -> str:
    # Once the broker knows the list, the other one cannot come back.
    await asyncio.sleep(RELOADED_WITHIN_S)
    host, port = listener.rsplit(":", 1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "passing.pem"
        file.touch(mode=0o600)
        file.write_text(authority.issue_ephemeral(name))
        address = MqttAddress(host, int(port), True, None, None, authority.folder / "ca.crt", file)
        try:
            async with ConnectionSupervisor(address, "takeover").new_connection():
                return "its connection was ended"
        except BrokerError as error:
            return f"no broker answers at {listener} ({error}), so no connection was ended"
