"""Readings: the first line of an input is site and sensor of the topic (``!`` before it: retained).

Held against a second reader, written by hand after the README and with Python's own JSON: what that one
calls good has to be taken, with its very values, and what it calls bad has to be rejected.
"""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from mqtt5 import PublishPacket, QoS
from pydantic_core import from_json

from ingestor.delivery import Delivery, Rejection, RejectKind
from ingestor.documents import to_measure
from ingestor.validate import sensor_key
from tests import deliveries
from tests.deliveries import Checked, Valid
from tests.fuzz.oracles import assert_is_kept, assert_is_sentence

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
OLDEST, NEWEST = datetime(2000, 1, 1, tzinfo=UTC), NOW + timedelta(minutes=5)
KINDS = {"not_json", "invalid", "topic", "time", "too_large", "retained"}
FIELDS = ("sensor_id", "value_kwh", "timestamp", "location", "sequence")
is_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
is_usual_time = re.compile(
    r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?(Z|[+-](0\d|1[0-4]):[0-5]\d)", re.ASCII
).fullmatch

GOOD = b'{"sensor_id":"S-1","value_kwh":1.82,"timestamp":"2026-11-23T10:00:00.123Z","sequence":42}'
TOKENS = (
    b'"sensor_id":"S-1"', b'"value_kwh":', b'"timestamp":', b'"location":', b'"sequence":',
    b"\\u0073ensor_id", b"2026-11-23T10:00:00.123Z", b"+01:00", b"1795428000", b"1e999", b"NaN",
    b"-Infinity", b"-0.0", b"null", b"true", b"\\ud800", b"\\u202e", b"\\u0000", b"},{", b"[[",
    b"9223372036854775808",
)  # fmt: skip
_HEAD = b"lari/S-1\n"
_PAYLOADS = (
    b"[" * 50_000,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b"[" + b",".join([GOOD] * 700) + b"]",
    b"[" + b",".join([b"{}"] * 1001) + b"]",
    b"[" + b",".join([GOOD] * 3 + [GOOD.replace(b"1.82", b"NaN"), GOOD]) + b"]",
    GOOD + b" " * 65_536,
    GOOD.replace(b"1.82", b"9" * 4300),
    GOOD.replace(b"1.82", b"9" * 60_000),
    GOOD.replace(b"1.82", b"1e999"),
    GOOD.replace(b"1.82", b"-0.0"),
    GOOD.replace(b"1.82", b"NaN"),
    GOOD.replace(b"42", b"9223372036854775807"),
    GOOD.replace(b"42", b"9223372036854775808"),
    GOOD.replace(b"42", b"42.0"),
    GOOD.replace(b"42", b"true"),
    GOOD[:-1] + b',"value_kwh":9.9}',
    GOOD[:-1] + b',"\\u0076alue_kwh":9.9}',
    b"[" + GOOD + b"," + GOOD[:-1] + b',"sensor_id":"S-2"}]',
    GOOD[:-1] + b',"location":"\\ud800"}',
    GOOD[:-1] + b',"location":"a\\u0000\\u202e\\n"}',
    GOOD[:-1] + ',"location":"a\u202e\u0085"}'.encode(),
    GOOD[:-1] + b',"location":"' + b"x" * 201 + b'"}',
    GOOD[:-1] + b',"location":["' + b"\xe2\x80\xae" * 9 + b'"]}',
    GOOD.replace(b'"S-1"', '"S-1\u202e"'.encode()),
    GOOD.replace(b'"S-1"', b'"S-1\\n"'),
    GOOD.replace(b'"2026-11-23T10:00:00.123Z"', b"1795428000.123"),
    GOOD.replace(b"2026-11-23T10:00:00.123Z", b"0001-01-01T00:00:00+14:00"),
    GOOD.replace(b"2026-11-23T10:00:00.123Z", b"9999-12-31T23:59:59-14:00"),
    GOOD.replace(b"2026-11-23T10:00:00.123Z", b"2026-13-23T10:00:00.123Z"),
    GOOD.replace(b"2026-11-23T10:00:00.123Z", b"2026-11-24T10:00:00.123Z"),
    GOOD.replace(b"2026-11-23T10:00:00.123Z", b"now\xe2\x80\xae"),
    GOOD[:-1] + b',"location":"' + b"\xe2\x80\xae" * 201 + b'"}',
    b"\xef\xbb\xbf" + GOOD,
    b"\xff\xfe",
)
SEEDS = (
    *(_HEAD + payload for payload in _PAYLOADS),
    b"!" + _HEAD + GOOD,
    b"lari/S 1\n" + GOOD,
    b"lari/S-2\n" + GOOD,
    b"\xe2\x80\xae/S-1\n" + GOOD,
)


class Members(list[tuple[str, Any]]):
    """A JSON object with every member that it names, also twice."""


def check(data: bytes) -> None:
    head, _, payload = data.partition(b"\n")
    is_retained, place = head.startswith(b"!"), head.lstrip(b"!").decode(errors="replace")
    # What the broker delivers: two levels, without wildcards and NUL.
    site, _, name = re.sub(r"[+#\0]", "", place).partition("/")
    topic = f"energy/readings/{site}/{name.replace('/', '')}"
    packet = PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=1, retain=is_retained)
    answers = list(deliveries.check(Delivery(packet, sensor_key(topic)), NOW.replace(tzinfo=None)))
    for answer in answers:
        _check_answer(answer, packet)
    whole = _kind_of_all(packet)
    if whole is not None:
        assert [_kind(each) for each in answers] == [whole]
        assert answers[0] == Rejection(RejectKind(whole), answers[0].reason, topic, payload)  # type: ignore[union-attr]
        return
    content = from_json(payload)
    rows = content if isinstance(content, list) else [content]
    # Each row has one answer, in its place.
    assert [each.row for each in answers] == (list(range(len(rows))) if rows is content else [None])
    said = json.loads(payload, object_pairs_hook=Members)
    for answer, row, members in zip(answers, rows, said if rows is content else [said], strict=True):
        _check_row(answer, row, members, topic.rsplit("/", 1)[1])


def _kind(answer: Checked) -> str:
    return answer.kind if isinstance(answer, Rejection) else "valid"


def _kind_of_all(packet: PublishPacket) -> str | None:
    """Why a payload is rejected as a whole; None if its rows are looked at."""
    if len(packet.payload) > 64 * 1024:
        return "too_large"
    if packet.retain:
        return "retained"
    if not all(map(is_id, packet.topic.split("/")[2:])):
        return "topic"
    try:
        content = from_json(packet.payload)
    except ValueError:
        return "not_json"
    return "invalid" if isinstance(content, list) and not 1 <= len(content) <= 1000 else None


def _check_answer(answer: Checked, packet: PublishPacket) -> None:
    """What holds of every answer, whatever was sent."""
    if isinstance(answer, Valid):
        measure = to_measure(answer.reading, answer.key, answer.timestamp, None, NOW.replace(tzinfo=None))
        assert_is_kept(measure)
        assert 0 <= measure["value_kwh"] <= 1_000_000
        assert math.copysign(1, measure["value_kwh"]) == 1
        assert is_id(measure["sensor_id"])
        assert len(measure["location"] or "") <= 200
        assert OLDEST <= measure["timestamp"].replace(tzinfo=UTC) <= NEWEST
        assert answer.timestamp[1] == f"{measure['timestamp'].isoformat(timespec='milliseconds')}Z"
        return
    assert answer.kind in KINDS
    assert answer.topic == packet.topic
    assert_is_sentence(answer.reason)
    sequence = {} if answer.sequence is None else {"sequence": answer.sequence}
    assert_is_kept(
        {"kind": answer.kind.value, "reason": answer.reason, "payload": answer.payload, **sequence}
    )
    assert answer.row is not None or answer.payload == packet.payload
    assert answer.sequence is None or 0 <= answer.sequence < 2**63


def _check_row(answer: Checked, row: object, members: object, name: str) -> None:
    judged = judge(members, name)
    if isinstance(answer, Valid):
        assert judged is not False, "a bad reading is taken"
        assert isinstance(row, dict)
        assert answer.reading == {field: row[field] for field in FIELDS if field in row}
        seconds = _seconds(row["timestamp"])
        assert seconds is None or abs(answer.timestamp[0].replace(tzinfo=UTC).timestamp() - seconds) <= 0.001
        return
    assert judged is not True, f"a good reading is rejected: {answer.reason}"
    if answer.kind in {"topic", "time"} and answer.row is not None:
        # It could be read: of a row, what nobody knows is left out, as in a stored reading.
        assert isinstance(row, dict)
        assert from_json(answer.payload) == {field: row[field] for field in FIELDS if field in row}
        return
    assert repr(from_json(answer.payload)) == repr(row), "what is kept is not what was sent"


def judge(members: object, name: str) -> bool | None:
    """Whether the README takes a reading; None if that is up to how its time is written."""
    if not isinstance(members, Members):
        return False
    names, row = [each for each, _ in members], dict(members)
    value, sequence, location = row.get("value_kwh"), row.get("sequence"), row.get("location")
    is_good = (
        not any(names.count(field) > 1 for field in FIELDS)
        and row.get("sensor_id") == name
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value <= 1_000_000
        and (location is None or (isinstance(location, str) and len(location) <= 200))
        and (sequence is None or (type(sequence) is int and 0 <= sequence < 2**63))
    )
    time = row.get("timestamp")
    if not is_good or isinstance(time, bool) or not isinstance(time, str | int | float):
        return False
    seconds = _seconds(time)
    return None if seconds is None else OLDEST.timestamp() <= seconds <= NEWEST.timestamp()


def _seconds(time: Any) -> float | None:  # noqa: ANN401 - JSON
    """A time in Unix seconds; None unless it is written in the usual way and not at the border."""
    try:
        if isinstance(time, str):
            seconds = datetime.fromisoformat(time).timestamp() if is_usual_time(time) else math.nan
        else:
            seconds = float(time)
    except (ValueError, OverflowError):
        return None
    borders = (OLDEST.timestamp(), NEWEST.timestamp())
    is_clear = math.isfinite(seconds) and all(abs(seconds - border) > 0.01 for border in borders)
    # Of far larger numbers, pydantic takes milliseconds.
    return seconds if is_clear and 0 < seconds < 1e10 else None
