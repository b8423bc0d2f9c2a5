"""The command ``broker``: the broker's users and their certificates."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from broker.access.accounts import AccountsError
from broker.access.authority import AuthorityError
from broker.access.certificate_commands import (
    init_authority,
    issue_certificate,
    list_certificates,
    revoke_certificate,
)
from broker.access.command_settings import (
    AddUserSettings,
    InitAuthoritySettings,
    IssueCertificateSettings,
    ListCertificatesSettings,
    ListUsersSettings,
    RemoveUserSettings,
    RevokeCertificateSettings,
    RotatePasswordSettings,
)
from broker.access.user_commands import add_user, list_users, remove_user, rotate_password
from broker.program.settings import ProcessSettings, exit_with, read_settings, redact

PROGRAM = "broker"
USAGE = """usage: broker users add|remove|rotate|list [options]
       broker certs init|issue|revoke|list [options]

Manage the broker's users and certificates. A change takes effect within a
second, without a restart; a removed user is disconnected.

Examples: broker users add Meter-7 --role sensor --site lari
          broker users add Hall --role gateway --site lari
          broker users add anna --role viewer
          broker users remove Meter-7
          broker users rotate Meter-7
          broker users list
          broker certs init --host energy.example.org
          broker certs issue Meter-7
          broker certs revoke Meter-7
          broker certs list
`broker users add --help` lists the options of a command.
"""
# The settings of each command, and what it does with them.
COMMANDS: dict[tuple[str, str], tuple[type[ProcessSettings], Callable[[Any], None]]] = {
    ("users", "add"): (AddUserSettings, add_user),
    ("users", "remove"): (RemoveUserSettings, remove_user),
    ("users", "rotate"): (RotatePasswordSettings, rotate_password),
    ("users", "list"): (ListUsersSettings, list_users),
    ("certs", "init"): (InitAuthoritySettings, init_authority),
    ("certs", "issue"): (IssueCertificateSettings, issue_certificate),
    ("certs", "revoke"): (RevokeCertificateSettings, revoke_certificate),
    ("certs", "list"): (ListCertificatesSettings, list_certificates),
}


def main() -> None:
    """Run the command that the first two arguments name."""
    words = sys.argv[1:3]
    if not words or "-h" in words or "--help" in words:
        sys.stdout.write(USAGE)
        return
    if (words[0], words[-1]) not in COMMANDS:
        unknown = redact(repr(" ".join(words)))
        exit_with(PROGRAM, f"unknown command {unknown}; `broker --help` lists the commands")
    settings, command = COMMANDS[words[0], words[-1]]
    name = f"{PROGRAM} {words[0]} {words[1]}"
    try:
        command(read_settings(settings, sys.argv[3:], name))
    except (AccountsError, AuthorityError) as error:
        exit_with(name, str(error), 1)
    except asyncio.CancelledError:
        exit_with(name, "stopped", 130)


if __name__ == "__main__":
    main()
