"""What ``broker users`` and ``broker certs`` can be told."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_settings import CliPositionalArg

from broker.access.roles import Role
from broker.settings import Endpoint, ProcessSettings, Sites
from broker.topics import SiteId, TopicRoot

HOST_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$|^[0-9A-Fa-f:]{2,45}$"


def _check_role(role: Role) -> Role:
    if role == "health":
        raise ValueError("that role is the health check's alone")
    return role


class AccessSettings(ProcessSettings):
    """Where everything is kept; the same for all commands."""

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
    """Let somebody in. A sensor's name is its sensor id.

    Roles: sensor (its own readings), gateway (all sensors of its sites), viewer
    (look), operator (look, answer alarms, repair readings), ingestor.

    Example: broker users add Meter-7 --role sensor --site lari
    """

    name: CliPositionalArg[SiteId] = Field(description="the user")
    role: Annotated[Role, AfterValidator(_check_role)] = Field(description="what they may do")
    site: Sites = Field("+", description="where: one site, some with commas between, or + for all")
    certificate: bool = Field(False, description="with a certificate instead of a password")
    password_file: Path | None = Field(None, description="take the password from here; else one is made up")
    password_to: Path | None = Field(None, description="write the password into this file; else it is shown")

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites, one by one."""
        return tuple(self.site.split(","))


class UserNameSettings(AccessSettings):
    """What takes a name and nothing else."""

    name: CliPositionalArg[SiteId] = Field(description="the user")


class RemoveUserSettings(UserNameSettings):
    """Let somebody in no more: they are disconnected, and their certificates are revoked.

    Example: broker users remove Meter-7
    """


class RotatePasswordSettings(UserNameSettings):
    """Give somebody a new password; whoever uses the old one is disconnected.

    Example: broker users rotate Meter-7
    """

    password_file: Path | None = Field(None, description="take the password from here; else one is made up")


class ListUsersSettings(AccessSettings):
    """List all users: name, role, sites, and how they are let in.

    Example: broker users list
    """


class InitAuthoritySettings(AccessSettings):
    """Make a certificate authority and the certificates of the servers, where they are missing or old.

    Example: broker certs init --host energy.example.org
    """

    host: list[Annotated[str, StringConstraints(pattern=HOST_PATTERN)]] = Field(
        [], description="name or address by which others reach this machine; may be given again"
    )


class IssueCertificateSettings(UserNameSettings):
    """Make a certificate with which a user can connect, and the key to it, in one file.

    Example: broker certs issue Meter-7 --days 90
    """

    days: Annotated[int, Field(ge=1, le=3650)] = Field(365, description="how long it is good")


class RevokeCertificateSettings(UserNameSettings):
    """Make all certificates of a user worthless; whoever uses one is disconnected.

    Example: broker certs revoke Meter-7
    """


class ListCertificatesSettings(AccessSettings):
    """List all certificates: name, until when they are good, and which are revoked.

    Example: broker certs list
    """
