"""Faults to be put into the product, one at a time: each takes away what a target has to miss."""

import base64
import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import bson
import pytest

from broker.messages import sensor_series
from broker.topics import ID_PATTERN, Place
from monitor.queries.paging import Mark
from sensor_node.outbox import Kept

Patch = pytest.MonkeyPatch
Fault = Callable[[Patch], None]


class Everything:
    """Has all rules there could be."""

    def __contains__(self, _: object) -> bool:
        return True


def _read_trustingly(site: str, sensor_id: str, sequence: int, payload: bytes) -> Kept:
    return Kept(Place(site, sensor_id), sequence, payload)


def _parse_trustingly(cls: type[Mark], text: str) -> Mark:
    written = bson.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return cls(written["t"], written["i"])


def _put(place: str, thing: object) -> Fault:
    return lambda patch: patch.setattr(place, thing, raising=False)


FAULTS: tuple[tuple[str, str, Fault], ...] = (
    ("payload", "a field may come twice", _put("ingestor.validate.may_repeat", lambda *_: False)),
    ("payload", "a value is shown as it is", _put("ingestor.validate.ascii", str)),
    ("payload", "a clock may be ahead", _put("ingestor.validate.MAX_AHEAD", timedelta(days=40_000))),
    ("topic", "an id may end a line", _put("broker.topics._is_id", re.compile(ID_PATTERN).match)),
    ("command", "a topic is told in full", _put("ingestor.alarms.commands.short", lambda text, _: text)),
    ("command", "any rule may be shelved", _put("ingestor.alarms.commands.NAMES", Everything())),
    ("status", "any name is one", lambda patch: patch.setattr(Place, "is_valid", property(lambda _: True))),
    ("settings", "secrets are told", _put("broker.settings.without_secrets", str)),
    ("settings", "a sentence is shown as it is", _put("broker.settings.short", lambda text, _: text)),
    ("settings", "there are more ports", _put("broker.settings.MAX_PORT", 99_999)),
    ("alarms", "a sensor's own is lost", _put("ingestor.alarms.config._merge", lambda rules, *_: rules)),
    ("alarms", "a value is shown in full", _put("ingestor.alarms.config.MAX_SHOWN", 10**6)),
    (
        "rest",
        "a cursor is believed",
        lambda patch: patch.setattr(Mark, "parse", classmethod(_parse_trustingly)),
    ),
    ("ledger", "a torn line is written on", _put("sensor_node.ledger.os.pread", lambda *_: b"\n")),
    ("outbox", "a row is believed", _put("sensor_node.durable._read", _read_trustingly)),
    (
        "plain",
        "nothing is escaped",
        _put("broker.plain.json", SimpleNamespace(dumps=lambda each: f"'{each}'")),
    ),
    ("plain", "a formula stays one", _put("monitor.formats.FORMULA_BEGINS", frozenset("+-@"))),
    ("register", "a sensor hears all", _put("broker.roles.Topics.stored", lambda *_: "energy/stored/+/+")),
    ("cookie", "http speaks for https", _put("monitor.web.origin.is_secure", lambda _: False)),
    ("cookie", "other sites may speak", _put("monitor.web.origin.OWN", frozenset({"none", "cross-site"}))),
    (
        "scenario",
        "two meters may have one name",
        _put("sensor_node.scenario_plan._check_names", lambda _: None),
    ),
    (
        "scenario",
        "any name may be counted up",
        _put("sensor_node.scenario_plan.count_up", sensor_series),
    ),
    ("scenario", "lines are not broken", _put("sensor_node.check._wrap", lambda text, *_: [text])),
    ("scenario", "a clock is used twice", _put("sensor_node.meter.Meter._free", lambda _, stamp: stamp)),
    (
        "recording",
        "a value may be anything",
        _put("sensor_node.recordings.recording._check_size", lambda *_: None),
    ),
    ("recording", "a value is shown in full", _put("sensor_node.recordings.sheet.SHOWN_TEXT", 10**6)),
    (
        "recording",
        "rows stay as they come",
        _put("sensor_node.recordings.recording._Rows.order", lambda *_: None),
    ),
    ("cookie", "any token is good", _put("monitor.web.access.Access.whose", lambda *_: object())),
)
