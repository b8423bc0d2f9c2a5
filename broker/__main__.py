"""The command ``broker``: who is let in by the broker, and the certificates of everybody."""

import asyncio
import sys
from collections.abc import Callable

from broker.access.accounts import AccountsError
from broker.access.authority import AuthorityError
from broker.access.certificate_commands import (
    init_authority,
    issue_certificate,
    list_certificates,
    revoke_certificate,
)
from broker.access.user_commands import add_user, list_users, remove_user, rotate_password
from broker.settings import exit_with, redact

PROGRAM = "broker"
USAGE = """usage: broker users add|remove|rotate|list [options]
       broker certs init|issue|revoke|list [options]

Say who is let in by the broker. A change counts within a second, without a
restart; whoever was removed is disconnected.

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
Command = Callable[[list[str], str], None]
COMMANDS: dict[tuple[str, str], Command] = {
    ("users", "add"): add_user,
    ("users", "remove"): remove_user,
    ("users", "rotate"): rotate_password,
    ("users", "list"): list_users,
    ("certs", "init"): init_authority,
    ("certs", "issue"): issue_certificate,
    ("certs", "revoke"): revoke_certificate,
    ("certs", "list"): list_certificates,
}


def main() -> None:
    """Run the command that the first two arguments name."""
    words = sys.argv[1:3]
    if not words or "-h" in words or "--help" in words:
        sys.stdout.write(USAGE)
        return
    command = COMMANDS.get((words[0], words[1] if len(words) > 1 else ""))
    if command is None:
        exit_with(PROGRAM, f"{redact(repr(' '.join(words)))} is no command; `broker --help` lists them")
    name = f"{PROGRAM} {words[0]} {words[1]}"
    try:
        command(sys.argv[3:], name)
    except (AccountsError, AuthorityError) as error:
        exit_with(name, str(error), 1)
    except asyncio.CancelledError:
        exit_with(name, "stopped", 130)


if __name__ == "__main__":
    main()
