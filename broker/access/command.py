"""What the commands of ``broker users`` and ``broker certs`` have in common: where everything is."""

from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import Field
from pydantic_settings import CliPositionalArg

from broker.access.accounts import AccountStore, open_accounts
from broker.program.settings import Endpoint, ProcessSettings
from broker.topics import SiteId, TopicRoot

HOST_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$|^[0-9A-Fa-f:]{2,45}$"


class AccessCommand(ProcessSettings):
    """A command: its options, and what it does with them."""

    broker_users: Path = Field(Path("var/mosquitto/users"), description="folder of the broker's users")
    broker_register_copy: Path | None = Field(
        None, description="file for a copy of the users' names, roles and sites, for an ingestor elsewhere"
    )
    certificates: Path = Field(Path("var/certificates"), description="folder of the certificate authority")
    broker_certificates: Path | None = Field(
        None, description="folder from which the broker reads its certificates, if that is another one"
    )
    certificate_listener: Endpoint = Field(
        "127.0.0.1:8884", description="host:port where the broker takes certificates; to end connections"
    )
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")

    def open_accounts(self) -> AbstractContextManager[AccountStore]:
        """Lock the accounts, and write them at the end unless something went wrong."""
        return open_accounts(self.broker_users, self.topic_root, self.broker_register_copy)

    def run(self) -> None:
        """Do it.

        Raises:
            AccountsError: The users cannot be read, written or changed like that.
            AuthorityError: A certificate cannot be made, found or revoked.
        """
        raise NotImplementedError


class UserCommand(AccessCommand):
    """A command for one user."""

    name: CliPositionalArg[SiteId] = Field(description="the user")
