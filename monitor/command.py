"""``monitor acknowledge`` and ``monitor shelve``."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from broker.alarms import Shelve
from broker.plain import plain
from broker.process import run, unless_stopped
from broker.settings import read_settings
from broker.topics import Place
from monitor.desk import CommandError, Desk, Outcome
from monitor.orders import acknowledgement, shelving
from monitor.output import write_lines
from monitor.queries.database import QueryError
from monitor.queries.episodes import open_episodes
from monitor.settings import AcknowledgeSettings, CommandSettings, ShelveSettings


def acknowledge_command(arguments: list[str]) -> None:
    """Read the options and acknowledge; the status is 1 unless all is noted."""
    settings = read_settings(AcknowledgeSettings, arguments, "monitor acknowledge")
    _give(settings, partial(acknowledge, settings))


def shelve_command(arguments: list[str]) -> None:
    """Read the options and shelve; the status is 1 unless that is noted."""
    settings = read_settings(ShelveSettings, arguments, "monitor shelve")
    _give(settings, partial(shelve, settings))


def _give(settings: CommandSettings, work: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    """Give commands, tell what comes of each as it comes, and end with status 1 unless all is done."""
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if outcome.obeyed:
            write_lines([plain(outcome.sentence)])
        else:
            sys.stderr.write(f"monitor: {plain(outcome.sentence)}\n")

    async def give(ended: asyncio.Event) -> None:
        await unless_stopped(work(Desk(settings.mqtt_url, settings.topic_root, tell)), ended)
        if ended.is_set():
            raise CommandError("stopped; `monitor alarms` shows whether the command arrived")

    run("monitor", give, CommandError, QueryError)
    if not all(outcome.obeyed for outcome in outcomes):
        raise SystemExit(1)


async def acknowledge(settings: AcknowledgeSettings, desk: Desk) -> None:
    """Acknowledge alarms.

    Raises:
        CommandError: The commands cannot be given.
        QueryError: The database does not answer.
    """
    async with open_episodes(settings.mongo_url) as episodes:
        alarms = await episodes.named(settings.ids)
    orders = []
    for name in dict.fromkeys(settings.ids):
        if alarm := alarms.get(name):
            orders.append(acknowledgement(alarm, settings.who))
        else:
            desk.tell(Outcome(False, f"{name}: no alarm has this id; `monitor alarms` lists them"))
    if orders:
        await desk.give(orders)


async def shelve(settings: ShelveSettings, desk: Desk) -> None:
    """Shelve a rule of a sensor, or end that.

    Raises:
        CommandError: The sensor is not known, or the command cannot be given.
        QueryError: The database does not answer.
    """
    async with open_episodes(settings.mongo_url) as episodes:
        sensor = await episodes.sensor(settings.sensor)
    if sensor is None or sensor.site is None:
        raise CommandError(f"nothing has come from a sensor {settings.sensor} so far")
    command = Shelve(shelve=settings.rule, minutes=settings.minutes, user=settings.who)
    place = Place(sensor.site, settings.sensor)
    await desk.give([shelving(place, command, sensor.shelved.get(settings.rule))])
