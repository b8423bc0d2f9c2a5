"""``monitor acknowledge`` and ``monitor shelve``."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from broker.alarm_messages import Shelve
from broker.program.escape import escape_text
from broker.program.process import run, unless_stopped
from broker.program.settings import read_settings
from broker.topics import SensorKey
from monitor.cli.output import write_lines
from monitor.cli.settings import AcknowledgeSettings, CommandSettings, ShelveSettings
from monitor.commands.alarm_commands import acknowledge_alarm, shelve_rule
from monitor.commands.client import CommandClient, CommandError, CommandResult
from monitor.queries.alarms import AlarmQueries, shelved_rules
from monitor.queries.database import QueryDatabase, QueryError, open_database
from monitor.queries.sensors import SensorQueries

Work = Callable[[CommandClient, QueryDatabase], Coroutine[Any, Any, None]]


def acknowledge_command(arguments: list[str]) -> None:
    """Read the options and acknowledge; the status is 1 unless all alarms are acknowledged."""
    settings = read_settings(AcknowledgeSettings, arguments, "monitor acknowledge")
    _send(settings, partial(_acknowledge, settings))


def shelve_command(arguments: list[str]) -> None:
    """Read the options and shelve; the status is 1 unless the rule is shelved."""
    settings = read_settings(ShelveSettings, arguments, "monitor shelve")
    _send(settings, partial(_shelve, settings))


def _send(settings: CommandSettings, work: Work) -> None:
    """Send commands, print what comes of each as it comes, and end with status 1 unless all is done."""
    results: list[CommandResult] = []

    def tell(result: CommandResult) -> None:
        results.append(result)
        if result.executed:
            write_lines([escape_text(result.sentence)])
        else:
            sys.stderr.write(f"monitor: {escape_text(result.sentence)}\n")

    async def send(ended: asyncio.Event) -> None:
        client = CommandClient(settings.mqtt_url, settings.topic_root, tell)
        async with open_database(settings.mongo_url) as database:
            await database.ping()
            await unless_stopped(work(client, database), ended)
        if ended.is_set():
            raise CommandError("stopped; `monitor alarms` shows whether the command was executed")

    run("monitor", send, CommandError, QueryError)
    if not all(result.executed for result in results):
        raise SystemExit(1)


async def _acknowledge(settings: AcknowledgeSettings, client: CommandClient, database: QueryDatabase) -> None:
    alarms = await AlarmQueries(database).by_ids(settings.ids)
    commands = []
    for name in dict.fromkeys(settings.ids):
        if alarm := alarms.get(name):
            commands.append(acknowledge_alarm(alarm, settings.who))
        else:
            client.on_result(
                CommandResult(False, f"{name}: no alarm has this id; `monitor alarms` lists them")
            )
    if commands:
        await client.send(commands)


async def _shelve(settings: ShelveSettings, client: CommandClient, database: QueryDatabase) -> None:
    sensor = await SensorQueries(database).one(settings.sensor)
    if sensor is None or sensor.get("site") is None:
        raise CommandError(f"no readings from sensor {settings.sensor} yet")
    command = Shelve(shelve=settings.rule, minutes=settings.minutes, user=settings.who)
    key = SensorKey(sensor["site"], settings.sensor)
    await client.send([shelve_rule(key, command, shelved_rules(sensor).get(settings.rule))])
