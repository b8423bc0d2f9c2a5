"""The command ``monitor``."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from broker.process import run, unless_stopped
from broker.settings import read_settings, stop
from monitor.alarms import Look, list_alarms
from monitor.command import CommandError, Desk, Outcome, acknowledge, shelve
from monitor.ledgers import LedgerError
from monitor.queries.database import QueryError
from monitor.queries.tail import open_tail
from monitor.settings import (
    AcknowledgeSettings,
    AlarmsSettings,
    CommandSettings,
    ShelveSettings,
    VerifySettings,
    WatchSettings,
)
from monitor.verdict import to_lines
from monitor.verify import verify
from monitor.watch import watch

PROGRAM = "monitor"
USAGE = """usage: monitor COMMAND [options]

Look at what is stored, and answer alarms.

commands:
  watch        show readings as they are stored
  alarms       list the alarms that stand
  acknowledge  say that somebody has seen an alarm
  shelve       do not hear of a rule of a sensor for a while
  verify       hold a sensor node's ledger against the database

Examples: monitor watch
          monitor alarms --all
          monitor acknowledge Sensor-LARI-01@silent@2026-11-23T10:00:00.000Z
          monitor shelve Sensor-LARI-01 overconsumption --minutes 120
          monitor verify ledger.jsonl
`monitor COMMAND --help` lists the options of a command.
"""


def main() -> None:
    """Run the command that the first argument names."""
    commands = {
        "watch": _watch,
        "alarms": _alarms,
        "acknowledge": _acknowledge,
        "shelve": _shelve,
        "verify": _verify,
    }
    command, arguments = next(iter(sys.argv[1:]), "--help"), sys.argv[2:]
    if command in {"-h", "--help"}:
        sys.stdout.write(USAGE)
    elif command in commands:
        commands[command](arguments)
    else:
        stop(PROGRAM, f"{command!r} is no command; `monitor --help` lists them")


def _watch(arguments: list[str]) -> None:
    settings = read_settings(WatchSettings, arguments, f"{PROGRAM} watch")

    async def follow(ended: asyncio.Event) -> None:
        async with open_tail(settings.mongo_url) as tail:
            await watch(tail, ended)

    run(PROGRAM, follow, QueryError)


def _alarms(arguments: list[str]) -> None:
    settings = read_settings(AlarmsSettings, arguments, f"{PROGRAM} alarms")
    lines: list[str] = []

    async def look(_: asyncio.Event) -> None:
        lines.extend(
            await list_alarms(settings.mongo_url, settings.sites, Look.here(), also_over=settings.all)
        )

    run(PROGRAM, look, QueryError)
    _print(lines)


def _acknowledge(arguments: list[str]) -> None:
    settings = read_settings(AcknowledgeSettings, arguments, f"{PROGRAM} acknowledge")
    _give(settings, partial(acknowledge, settings))


def _shelve(arguments: list[str]) -> None:
    settings = read_settings(ShelveSettings, arguments, f"{PROGRAM} shelve")
    _give(settings, partial(shelve, settings))


def _give(settings: CommandSettings, work: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    """Give commands, tell what comes of each as it comes, and end with status 1 unless all is done."""
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if outcome.obeyed:
            _print([outcome.sentence])
        else:
            sys.stderr.write(f"{PROGRAM}: {outcome.sentence}\n")

    async def give(ended: asyncio.Event) -> None:
        await unless_stopped(work(Desk(settings.mqtt_url, settings.topic_root, tell)), ended)
        if ended.is_set():
            raise CommandError("stopped; `monitor alarms` shows whether the command arrived")

    run(PROGRAM, give, CommandError, QueryError)
    if not all(outcome.obeyed for outcome in outcomes):
        raise SystemExit(1)


def _verify(arguments: list[str]) -> None:
    settings = read_settings(VerifySettings, arguments, f"{PROGRAM} verify")

    verdicts = []

    async def check(_: asyncio.Event) -> None:
        verdicts.append(
            await verify(settings.files, settings.alerts, settings.mongo_url, settings.topic_root)
        )

    run(PROGRAM, check, LedgerError, QueryError)
    for verdict in verdicts:
        _print(to_lines(verdict))
        if not verdict.is_well:
            raise SystemExit(1)


def _print(lines: Sequence[str]) -> None:
    try:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads, as `head` does, has read enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
