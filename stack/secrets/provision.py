"""What Docker runs first: makes the passwords, and gives each container those that it needs and no other.

It alone may write into the project's folder, for ``.env``. Each service has a user and a folder that only
this user can read. Passwords are in files: ``docker inspect`` shows the environment, and everybody can read
command lines.
"""

import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from dotenv import dotenv_values
from pydantic import Field, StringConstraints

from broker.access.accounts import AccountsError
from broker.access.authority import AuthorityError, CertificateAuthority
from broker.access.command import HOST_PATTERN
from broker.program.atomic_write import write_private
from broker.program.settings import ProcessSettings, Sites, exit_with, read_settings
from broker.topics import TopicRoot
from stack.mongod import SOCKET
from stack.secrets.compose_files import remember_tls
from stack.secrets.credentials import Credentials
from stack.secrets.external import ExternalError, read_external
from stack.secrets.passwords import PasswordsError, ensure_passwords, read_notify

PROGRAM = "passwords"
# The user id of each service, as in docker-compose.yml.
USERS = {
    "mosquitto": 1883,
    "mongodb": 999,
    "sensor-node": 10001,
    "ingestor": 10002,
    "monitor": 10003,
    "users": 10004,
}
# The parent of a service's folder, inside its container.
CONTAINER_FOLDER = Path("/run/secrets")
# The broker's own lane: a listener without TLS that is not published.
BROKER_PORT = 1884
SERVERS = ("localhost", "127.0.0.1", "mosquitto", "mongodb", "monitor")


class ProvisionSettings(ProcessSettings):
    """Make the passwords of a Docker stack and hand them out.

    Example: python3 -m stack.secrets.provision --tls --host energy.example.org
    """

    env: Path = Field(Path("/project/.env"), description="the file with all passwords")
    secrets: Path = Field(Path("/secrets"), description="folder with a folder for each service")
    broker: Path = Field(Path("/mosquitto/data"), description="the broker's folder")
    ingestor: Path = Field(Path("/ingestor"), description="the folder that all ingestors share")
    mongodb_socket: Path = Field(SOCKET.parent, description="folder of MongoDB's Unix socket")
    certificates: Path = Field(Path("/certificates"), description="folder of the certificate authority")
    gateway: Sites = Field("lari", description="sites that the user `sensors` may publish for")
    tls: bool = Field(False, description="make certificates too")
    host: list[Annotated[str, StringConstraints(pattern=HOST_PATTERN)]] = Field(
        [], description="name by which others reach this machine; may be given again"
    )
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")


def main() -> None:
    """Read the options and do it."""
    settings = read_settings(ProvisionSettings, sys.argv[1:], PROGRAM)
    try:
        provision_secrets(settings)
    except (AuthorityError, PasswordsError, AccountsError, ExternalError) as error:
        exit_with(PROGRAM, str(error), 1)
    except OSError as error:
        exit_with(PROGRAM, f"{error.filename} cannot be used ({error.strerror})", 1)
    sys.stdout.write(
        "The passwords are in .env; it belongs to you alone. The web page's users are\n"
        "viewer (WEB_VIEWER_PASSWORD) and operator (WEB_OPERATOR_PASSWORD).\n"
    )


def provision_secrets(settings: ProvisionSettings) -> None:
    """Make what is missing, and write the folder of each service.

    Raises:
        AccountsError: The broker's users cannot be written.
        AuthorityError: The certificates cannot be used.
        ExternalError: The URL of an external server cannot be used.
        PasswordsError: A password cannot be used.
        OSError: A folder cannot be written to.
    """
    accounts = Credentials(ensure_passwords(settings.env), external=read_external(settings.env))
    _check_servers(settings.env, accounts)
    remember_tls(settings.env, tls=settings.tls)
    _give_to(settings.broker, "mosquitto")
    settings.ingestor.mkdir(parents=True, exist_ok=True)
    _give_to(settings.ingestor, "ingestor")
    settings.mongodb_socket.mkdir(parents=True, exist_ok=True)
    _give_to(settings.mongodb_socket, "mongodb", 0o711)
    accounts.write_accounts(settings.broker / "users", settings.topic_root, settings.gateway)
    for service in USERS:
        folder = settings.secrets / service
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _give_to(folder, service)
    if settings.tls:
        _issue_certificates(settings)
    files_of = _secrets_of_services(accounts, tls=settings.tls)
    # Addresses of people's services have passwords in them; the file is empty where there are none.
    files_of["ingestor"] |= {"notify": read_notify(settings.env).get("ENERGY_NOTIFY", "")}
    for service, files in files_of.items():
        for name, text in files.items():
            own = _with_authority(text, settings.env.parent, settings.secrets / service)
            write_private(settings.secrets / service / name, f"{own}\n")


def _check_servers(env: Path, accounts: Credentials) -> None:
    """Let settings pass in which each server is either the stack's own or an external one.

    Raises:
        ExternalError: One is both or neither.
    """
    values = dotenv_values(env)
    for start, variable, url in (
        ("START_MOSQUITTO", "ENERGY_MQTT_URL", accounts.external.mqtt_url),
        ("START_MONGODB", "ENERGY_MONGO_URL", accounts.external.mongo_url),
    ):
        if (values.get(start) == "0") != (url is not None):
            raise ExternalError(f"{env.name} must have {variable} and {start}=0, or neither of them")


def _with_authority(text: str, project: Path, folder: Path) -> str:
    """Hand over the certificates that an external server's URL names as a file of the project."""

    def hand_over(found: re.Match[str]) -> str:
        file = project / found[1]
        if Path(found[1]).is_absolute() or not file.is_file():
            return found[0]
        write_private(folder / file.name, file.read_text())
        return f"tlsCAFile={CONTAINER_FOLDER / folder.name / file.name}"

    return re.sub(r"\btlsCAFile=([^&\s]+)", hand_over, text)


def _secrets_of_services(accounts: Credentials, *, tls: bool) -> dict[str, dict[str, str]]:
    """What each service gets to read: file names and contents."""

    def client(name: str) -> str:
        lines = ("--port", str(BROKER_PORT)), ("--username", name), ("--pw", accounts.mqtt_password(name))
        return "\n".join(" ".join(line) for line in lines)

    def mqtt(name: str) -> str:
        return accounts.mqtt(name, BROKER_PORT, "mosquitto")

    def mongo(name: str, service: str) -> str:
        trusting = replace(accounts, authority=CONTAINER_FOLDER / service / "ca.crt") if tls else accounts
        return trusting.mongo_by_socket(name, SOCKET)

    own_database = {name: value for name, value in accounts.passwords.items() if name.startswith("MONGO_")}
    return {
        # For the health check, and for people: no password in the list of processes.
        "mosquitto": {
            "mosquitto_rr": client("health"),
            "mosquitto_sub": client("viewer"),
            "mosquitto_pub": client("sensors"),
        },
        "mongodb": {"admin-password": accounts.passwords["MONGO_ADMIN_PASSWORD"]},
        "sensor-node": {"mqtt-url": mqtt("sensors")},
        "ingestor": {"mqtt-url": mqtt("ingestor"), "mongo-url": mongo("ingestor", "ingestor")},
        "monitor": {
            "mqtt-url": mqtt("web"),
            "mongo-url": mongo("operator", "monitor"),
            "viewer-password": accounts.passwords["WEB_VIEWER_PASSWORD"],
            "operator-password": accounts.passwords["WEB_OPERATOR_PASSWORD"],
        },
        # Those of an external database are made by those who run it.
        "users": {} if accounts.external.mongo_url else own_database,
    }


def _issue_certificates(settings: ProvisionSettings) -> None:
    authority = CertificateAuthority(settings.certificates)
    authority.ensure_servers([*SERVERS, *settings.host])
    for service, server in (("mongodb", "mongodb"), ("monitor", "web")):
        authority.export_server(server, settings.secrets / service)
    authority.export_server("broker", settings.broker / "certificates")
    for service in ("ingestor", "users"):
        write_private(settings.secrets / service / "ca.crt", (settings.certificates / "ca.crt").read_text())


def _give_to(folder: Path, service: str, mode: int = 0o700) -> None:
    if os.geteuid() == 0:
        os.chown(folder, USERS[service], USERS[service])
    folder.chmod(mode)


if __name__ == "__main__":
    main()
