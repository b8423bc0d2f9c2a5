"""The options of ``broker users`` and ``broker certs``."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_settings import CliPositionalArg

from broker.access.roles import Role
from broker.program.settings import Endpoint, ProcessSettings, Sites
from broker.topics import SiteId, TopicRoot

HOST_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$|^[0-9A-Fa-f:]{2,45}$"


def _check_role(role: Role) -> Role:
    if role == "health":
        raise ValueError("that role is the health check's alone")
    return role


class AccessSettings(ProcessSettings):
    """The folders and the listener, the same for all commands."""

    broker_users: Path = Field(Path("var/mosquitto/users"), description="folder of the broker's users")
    certificates: Path = Field(Path("var/certificates"), description="folder of the certificate authority")
    broker_certificates: Path | None = Field(
        None, description="folder from which the broker reads its certificates, if that is another one"
    )
    certificate_listener: Endpoint = Field(
        "127.0.0.1:8884", description="host:port where the broker takes certificates; to end connections"
    )
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")


class AddUserSettings(AccessSettings):
    """Add a user. A sensor's name is its sensor id.

    Roles: sensor (its own readings), gateway (all sensors of its sites), viewer
    (read only), operator (also answers alarms, repairs readings), ingestor.

    Example: broker users add Meter-7 --role sensor --site lari
    """

    name: CliPositionalArg[SiteId] = Field(description="the user")
    role: Annotated[Role, AfterValidator(_check_role)] = Field(description="what it may do")
    site: Sites = Field("+", description="its sites: one, several with commas between, or + for all")
    certificate: bool = Field(False, description="with a certificate instead of a password")
    password_file: Path | None = Field(
        None, description="file with the password; without it, a new one is made"
    )
    password_to: Path | None = Field(
        None, description="write the password into this file instead of showing it"
    )

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites, one by one."""
        return tuple(self.site.split(","))


class UserNameSettings(AccessSettings):
    """The settings of a command for one user."""

    name: CliPositionalArg[SiteId] = Field(description="the user")


class RemoveUserSettings(UserNameSettings):
    """Remove a user: it is disconnected, and its certificates are revoked.

    Example: broker users remove Meter-7
    """


class RotatePasswordSettings(UserNameSettings):
    """Give a user a new password, and disconnect whoever uses the old one.

    Example: broker users rotate Meter-7
    """

    password_file: Path | None = Field(
        None, description="file with the password; without it, a new one is made"
    )


class ListUsersSettings(AccessSettings):
    """List all users: name, role, sites, and whether they have a password or a certificate.

    Example: broker users list
    """


class InitAuthoritySettings(AccessSettings):
    """Make a certificate authority and the servers' certificates, where they are missing or old.

    Example: broker certs init --host energy.example.org
    """

    host: list[Annotated[str, StringConstraints(pattern=HOST_PATTERN)]] = Field(
        [], description="name or address by which others reach this machine; may be given again"
    )


class IssueCertificateSettings(UserNameSettings):
    """Make a certificate for a user, with its key in the same file.

    Example: broker certs issue Meter-7 --days 90
    """

    days: Annotated[int, Field(ge=1, le=3650)] = Field(365, description="how long it is valid")


class RevokeCertificateSettings(UserNameSettings):
    """Revoke all certificates of a user, and disconnect whoever uses one.

    Example: broker certs revoke Meter-7
    """


class ListCertificatesSettings(AccessSettings):
    """List all certificates: name, until when they are valid, and which are revoked.

    Example: broker certs list
    """
