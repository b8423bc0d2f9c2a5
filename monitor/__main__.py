"""The command ``monitor``."""

import sys

from broker.program.settings import exit_with, redact
from broker.program.subcommands import run_subcommand

PROGRAM = "monitor"
USAGE = """usage: monitor COMMAND [options]

Show what is stored, and respond to alarms.

commands:
  web          serve the web pages and the REST interface
  watch        show readings as they arrive
  report       summarize a day, a week or a month
  export       write readings to a file: CSV, Parquet or JSON Lines
  sensors      list sensors; set location, threshold and site
  alarms       list active alarms
  acknowledge  acknowledge alarms
  shelve       mute a sensor's rule for a while
  verify       compare a sensor node's ledger with the database

Examples: monitor web --http 127.0.0.1:8080
          monitor watch
          monitor report --week --site lari
          monitor export readings.parquet --from 2026-11-01 --to 2026-12-01
          monitor sensors Sensor-LARI-01 --location "Room 7"
          monitor alarms --all
          monitor acknowledge Sensor-LARI-01@silent@2026-11-23T10:00:00.000Z
          monitor shelve Sensor-LARI-01 overconsumption --minutes 120
          monitor verify ledger.jsonl
`monitor COMMAND --help` lists the options of a command.
"""
# Loaded when they are asked for: a web server is not needed to list alarms.
COMMANDS = {
    "web": ("monitor.web.serve", "serve_command"),
    "watch": ("monitor.cli.watch", "watch_command"),
    "report": ("monitor.report.command", "report_command"),
    "export": ("monitor.export.command", "export_command"),
    "sensors": ("monitor.cli.sensors", "sensors_command"),
    "alarms": ("monitor.cli.alarms", "alarms_command"),
    "acknowledge": ("monitor.cli.alarm_commands", "acknowledge_command"),
    "shelve": ("monitor.cli.alarm_commands", "shelve_command"),
    "verify": ("monitor.verify.command", "verify_command"),
}


def main() -> None:
    """Run the command that the first argument names."""
    command, arguments = next(iter(sys.argv[1:]), "--help"), sys.argv[2:]
    if command in {"-h", "--help"}:
        sys.stdout.write(USAGE)
    elif command in COMMANDS:
        run_subcommand(PROGRAM, "web", COMMANDS[command], arguments)
    else:
        exit_with(PROGRAM, f"unknown command {redact(repr(command))}; `monitor --help` lists the commands")


if __name__ == "__main__":
    main()
