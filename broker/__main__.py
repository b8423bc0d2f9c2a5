"""The command ``broker``: the broker's users and their certificates."""

import asyncio
import sys

from broker.access import certificate_commands, user_commands
from broker.access.accounts import AccountsError
from broker.access.authority import AuthorityError
from broker.access.command import AccessCommand
from broker.program.settings import exit_with, read_settings, redact

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
COMMANDS: dict[tuple[str, str], type[AccessCommand]] = {
    ("users", "add"): user_commands.AddUser,
    ("users", "remove"): user_commands.RemoveUser,
    ("users", "rotate"): user_commands.RotatePassword,
    ("users", "list"): user_commands.ListUsers,
    ("certs", "init"): certificate_commands.InitAuthority,
    ("certs", "issue"): certificate_commands.IssueCertificate,
    ("certs", "revoke"): certificate_commands.RevokeCertificate,
    ("certs", "list"): certificate_commands.ListCertificates,
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
    name = f"{PROGRAM} {words[0]} {words[1]}"
    try:
        read_settings(COMMANDS[words[0], words[-1]], sys.argv[3:], name).run()
    except (AccountsError, AuthorityError) as error:
        exit_with(name, str(error), 1)
    except asyncio.CancelledError:
        exit_with(name, "stopped", 130)


if __name__ == "__main__":
    main()
