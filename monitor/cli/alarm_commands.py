"""``monitor acknowledge`` and ``monitor shelve``."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from broker.alarm_messages import Shelve
from broker.escape import escape_text
from broker.process import run, unless_stopped
from broker.settings import read_settings
from broker.topics import SensorKey
from monitor.cli.output import write_lines
from monitor.cli.settings import AcknowledgeSettings, CommandSettings, ShelveSettings
from monitor.commands.alarm_commands import acknowledge_alarm, shelve_rule
from monitor.commands.client import CommandClient, CommandError, CommandResult
from monitor.queries.alarms import open_alarm_queries
from monitor.queries.database import QueryError


def acknowledge_command(arguments: list[str]) -> None:
    """Read the options and acknowledge; the status is 1 unless all is noted."""
    settings = read_settings(AcknowledgeSettings, arguments, "monitor acknowledge")
    _send(settings, partial(acknowledge, settings))


def shelve_command(arguments: list[str]) -> None:
    """Read the options and shelve; the status is 1 unless that is noted."""
    settings = read_settings(ShelveSettings, arguments, "monitor shelve")
    _send(settings, partial(shelve, settings))


def _send(settings: CommandSettings, work: Callable[[CommandClient], Coroutine[Any, Any, None]]) -> None:
    """Give commands, tell what comes of each as it comes, and end with status 1 unless all is done."""
    outcomes: list[CommandResult] = []

    def tell(outcome: CommandResult) -> None:
        outcomes.append(outcome)
        if outcome.executed:
            write_lines([escape_text(outcome.sentence)])
        else:
            sys.stderr.write(f"monitor: {escape_text(outcome.sentence)}\n")

    async def give(ended: asyncio.Event) -> None:
        await unless_stopped(work(CommandClient(settings.mqtt_url, settings.topic_root, tell)), ended)
        if ended.is_set():
            raise CommandError("stopped; `monitor alarms` shows whether the command was executed")

    run("monitor", give, CommandError, QueryError)
    if not all(outcome.executed for outcome in outcomes):
        raise SystemExit(1)


async def acknowledge(settings: AcknowledgeSettings, desk: CommandClient) -> None:
    """Acknowledge alarms.

    Raises:
        CommandError: The commands cannot be given.
        QueryError: The database does not answer.
    """
    async with open_alarm_queries(settings.mongo_url) as episodes:
        alarms = await episodes.by_ids(settings.ids)
    orders = []
    for name in dict.fromkeys(settings.ids):
        if alarm := alarms.get(name):
            orders.append(acknowledge_alarm(alarm, settings.who))
        else:
            desk.on_result(CommandResult(False, f"{name}: no alarm has this id; `monitor alarms` lists them"))
    if orders:
        await desk.send(orders)


async def shelve(settings: ShelveSettings, desk: CommandClient) -> None:
    """Shelve a rule of a sensor, or end that.

    Raises:
        CommandError: The sensor is not known, or the command cannot be given.
        QueryError: The database does not answer.
    """
    async with open_alarm_queries(settings.mongo_url) as episodes:
        sensor = await episodes.sensor(settings.sensor)
    if sensor is None or sensor.site is None:
        raise CommandError(f"no readings from sensor {settings.sensor} yet")
    command = Shelve(shelve=settings.rule, minutes=settings.minutes, user=settings.who)
    place = SensorKey(sensor.site, settings.sensor)
    await desk.send([shelve_rule(place, command, sensor.shelved.get(settings.rule))])
