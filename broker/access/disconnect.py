"""End the connection of a user whose certificate was revoked.

Mosquitto checks its revocation list when a client connects, not later. On the listener for certificates
the client id is the certificate's name, so a client with the same name takes the session over. That is done
here, with a certificate that is valid for minutes and never leaves this process.
"""

import asyncio
import tempfile
from pathlib import Path

from broker.access.authority import CertificateAuthority
from broker.access.command_settings import UserCommand
from broker.address import MqttAddress
from broker.client import BrokerError
from broker.supervisor import ConnectionSupervisor

# The broker looks for changes twice a second.
RELOADED_WITHIN_S = 1.5


def disconnect_user(authority: CertificateAuthority, command: UserCommand) -> str:
    """End the connection of a user with a revoked certificate, and say in half a sentence what came of it."""
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
