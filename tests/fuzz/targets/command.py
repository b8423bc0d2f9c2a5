"""Commands: the first line of an input is site and sensor of the topic.

Held against a second reader, with Python's own JSON: what is taken is what was said, and the rest is
rejected in one short sentence. No sentence repeats a hostile topic.
"""

import json
import re
from typing import Any

from pydantic_core import from_json

from broker.topics import SensorKey, Topics
from ingestor.alarms.commands import AlarmCommands, read_command
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.episode import AlarmChange
from ingestor.alarms.manager import AlarmClock, AlarmManager
from ingestor.flag import Thresholds
from tests.fuzz.oracles import assert_is_kept, assert_is_sentence

RULES = {"overconsumption", "sustained", "budget", "stuck", "silent", "offline", "clock", "rejecting"}
LONGEST_MINUTES = 366 * 24 * 60
_ALARM = b'{"acknowledge":"S-1@silent@2026-11-23T10:00:00.000Z","user":"Ada"}'
_SHELF = b'{"shelve":"silent","minutes":60,"user":"Ada"}'
SEEDS = (
    b"lari/S-1\n" + _ALARM,
    b"lari/S-1\n" + _SHELF,
    b"\x1b[2J\xe2\x80\xae/" + b"s" * 60_000 + b"\n" + _ALARM,
    b"\xc2\x85\xf3\xa0\x80\x81/\xff\n" + _SHELF,
    *(
        b"lari/S-1\n" + payload
        for payload in (
            b"[" * 60_000,
            b'{"shelve":' * 300,
            b'{"acknowledge":"' + b"x" * 201 + b'"}',
            b'{"acknowledge":["' + b"\xe2\x80\xae" * 60 + b'"]}',
            b'{"acknowledge":"\\ud800"}',
            _SHELF.replace(b"silent", b"s\\u202eilent"),
            _SHELF.replace(b"silent", b"none"),
            _SHELF.replace(b"60", b"9" * 4300),
            _SHELF.replace(b"60", b"9" * 5000),
            _SHELF.replace(b"60", b"60.0"),
            _SHELF.replace(b"60", b"true"),
            _SHELF.replace(b"60", b"-1"),
            _SHELF.replace(b"60", b"NaN"),
            _SHELF.replace(b"60", b"527041"),
            _SHELF.replace(b'"Ada"', b'"' + b"A" * 65 + b'"'),
            _SHELF[:-1] + b',"more":1}',
            _SHELF[:-1] + b',"acknowledge":"x"}',
            b"null",
            b"",
        )
    ),
)
TOKENS = tuple(
    b'"acknowledge": "shelve": "minutes": "user": silent budget \\ud800 \\u202e null 1e9 {" "}'.split()
)


def add_nothing(change: AlarmChange) -> None:
    """Takes what a board has to keep and tell: without sensors there is nothing."""
    raise AssertionError(change)


def check(data: bytes) -> None:
    head, _, payload = data.partition(b"\n")
    site, _, name = head.decode(errors="replace").replace("\0", "").partition("/")
    command = read_command(payload)
    expected = read(payload)
    if isinstance(command, str):
        assert_is_sentence(command)
        assert expected is None, f"{expected} is rejected: {command}"
        return
    assert command.model_dump(exclude_none=True) == expected
    assert_is_kept(command.model_dump())
    commands = AlarmCommands(
        AlarmManager(Topics(), AlarmConfig(), Thresholds(12.0), add_nothing, AlarmClock())
    )
    reason = commands.execute(SensorKey(site, name.replace("/", "")), command)
    assert reason is not None
    assert_is_sentence(reason, 250)
    assert not commands.unwritten


def read(payload: bytes) -> dict[str, Any] | None:
    """What the README makes of a command; None if it is none."""
    try:
        from_json(payload)
    except ValueError:
        return None
    said = json.loads(payload)
    if not isinstance(said, dict):
        return None
    user = said.get("user")
    is_good = user is None or _is_text(user, 64)
    if "shelve" in said:
        minutes = said.get("minutes")
        is_good &= said.get("shelve") in RULES if isinstance(said["shelve"], str) else False
        is_good &= type(minutes) is int and 0 <= minutes <= LONGEST_MINUTES
        is_good &= said.keys() <= {"shelve", "minutes", "user"}
    else:
        is_good &= _is_text(said.get("acknowledge"), 200) and said.keys() <= {"acknowledge", "user"}
    return {name: value for name, value in said.items() if value is not None} if is_good else None


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= most and not re.search("[\ud800-\udfff]", value)
