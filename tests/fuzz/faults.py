"""Faults to be put into the product, one at a time: each takes away what a target has to miss."""

import base64
import re
from datetime import timedelta
from types import SimpleNamespace

import bson

from broker.messages import numbered_sensor_ids
from broker.topics import ID_PATTERN, SensorKey
from monitor.queries.paging import PageCursor
from sensor_node.outbox.outbox import OutboxEntry
from tests.fault_points import broker, ingestor, monitor, sensor_node, simulator, web
from tests.fault_points.point import Point


class Everything:
    """Has all rules there could be."""

    def __contains__(self, _: object) -> bool:
        return True


def _read_trustingly(site: str, sensor_id: str, sequence: int, payload: bytes) -> OutboxEntry:
    return OutboxEntry(SensorKey(site, sensor_id), sequence, payload)


def _parse_trustingly(cls: type[PageCursor], text: str) -> PageCursor:
    written = bson.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return cls(written["t"], written["i"])


# The target, what is wrong, where, and what is there instead.
FAULTS: tuple[tuple[str, str, Point, object], ...] = (
    ("payload", "a field may come twice", ingestor.MAY_HAVE_A_FIELD_TWICE, lambda *_: False),
    ("payload", "a value is shown as it is", ingestor.ESCAPE_VALUE, str),
    ("payload", "a clock may be ahead", ingestor.FURTHEST_AHEAD, timedelta(days=40_000)),
    ("topic", "an id may end a line", broker.MATCH_ID, re.compile(ID_PATTERN).match),
    ("command", "a topic is told in full", ingestor.SHORTEN_COMMAND, lambda text, _: text),
    ("command", "any rule may be shelved", ingestor.RULES_OF_COMMANDS, Everything()),
    ("status", "any name is one", broker.IS_VALID_PLACE, property(lambda _: True)),
    ("settings", "secrets are told", broker.HIDE_SECRETS, str),
    ("settings", "a sentence is shown as it is", broker.SHORTEN_SETTING, lambda text, _: text),
    ("settings", "there are more ports", broker.HIGHEST_PORT, 99_999),
    ("alarms", "a sensor's own is lost", ingestor.OWN_RULES_OF_A_SENSOR, lambda rules, *_: rules),
    ("alarms", "a value is shown in full", ingestor.MOST_SHOWN_OF_A_RULE, 10**6),
    ("rest", "a cursor is believed", monitor.READ_CURSOR, classmethod(_parse_trustingly)),
    ("ledger", "a torn line is written on", sensor_node.READ_END_OF_LEDGER, lambda *_: b"\n"),
    ("outbox", "a row is believed", sensor_node.READ_ROW, _read_trustingly),
    ("plain", "nothing is escaped", broker.ESCAPE_TEXT, SimpleNamespace(dumps=lambda each: f"'{each}'")),
    ("plain", "a formula stays one", monitor.BEGINS_OF_FORMULAS, frozenset("+-@")),
    ("register", "a sensor hears all", broker.TOPIC_OF_CONFIRMATIONS, lambda *_: "energy/stored/+/+"),
    ("cookie", "http speaks for https", web.IS_HTTPS, lambda _: False),
    ("cookie", "other sites may speak", web.OWN_SITES, frozenset({"none", "cross-site"})),
    ("scenario", "two meters may have one name", simulator.CHECK_NAMES_OF_METERS, lambda _: None),
    ("scenario", "any name may be counted up", simulator.COUNT_NAMES_UP, numbered_sensor_ids),
    ("scenario", "lines are not broken", simulator.BREAK_LINES, lambda text, *_: [text]),
    ("scenario", "a clock is used twice", simulator.UNUSED_TIME, lambda _, stamp: stamp),
    ("recording", "a value may be anything", simulator.CHECK_RECORDED_VALUES, lambda *_: None),
    ("recording", "a value is shown in full", simulator.MOST_SHOWN_OF_A_RECORDING, 10**6),
    ("recording", "rows stay as they come", simulator.ORDER_RECORDED_ROWS, lambda *_: None),
    ("cookie", "any token is good", web.WHOSE_TOKEN, lambda *_: object()),
)
