"""A new payload format is one function and one line: shown with a format that only this test has."""

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest
from mqtt5 import PublishPacket, QoS

from broker.messages import MAX_READINGS_PER_PAYLOAD
from broker.topics import Topics
from ingestor.batch_reader import BatchReader
from ingestor.confirm import Receipts
from ingestor.counters import Counters
from ingestor.decode.decoders import DECODERS
from ingestor.decode.rows import decode_row, reject_row
from ingestor.delivery import Batch, DecodedReading, Delivery, Rejection, RejectKind
from ingestor.documents import format_timestamp, utc_now
from ingestor.flag import Thresholds
from ingestor.receive.authorization import Authorization
from ingestor.receive.inbox import Inbox
from ingestor.receive.token_bucket import TokenBuckets
from tests.deliveries import deferral
from tests.fault_points.ingestor import FLAG

if TYPE_CHECKING:
    from broker.connection import Connection

CONTENT_TYPE = "text/x-lines"
NOW = format_timestamp(utc_now() - timedelta(minutes=1))


def decode_lines(delivery: Delivery) -> None:
    """Decode lines of ``time,kWh``, of the sensor in the topic."""
    delivery.is_array = True
    lines = delivery.packet.payload.splitlines()
    if 1 <= len(lines) <= MAX_READINGS_PER_PAYLOAD:
        delivery.rows = [_decode_line(delivery, row, line) for row, line in enumerate(lines)]
    else:
        delivery.rows = [delivery.reject(RejectKind.INVALID, f"{len(lines):,} lines")]


def _decode_line(delivery: Delivery, row: int, line: bytes) -> DecodedReading | Rejection:
    fields: dict[str, object] = {"sensor_id": delivery.key and delivery.key.name}
    try:
        fields["timestamp"], value = line.decode().split(",")
        fields["value_kwh"] = float(value)
    except ValueError:
        return reject_row(delivery, row, fields, line, f"a line is time,kWh, not {line[:40]!a}")
    return decode_row(delivery, row, fields, line)


def opened(payload: bytes, content_type: str | None) -> Batch:
    topics, counters = Topics(), Counters()
    inbox = Inbox(topics, counters)
    packet = PublishPacket(
        topics.readings("lari", "S-1"),
        payload,
        qos=QoS.AT_LEAST_ONCE,
        packet_id=1,
        content_type=content_type,
    )
    inbox.put(cast("Connection", object()), [packet])
    authorization = Authorization(TokenBuckets(20.0, 1_000))
    reader = BatchReader(inbox, topics, Thresholds(12.0), counters, authorization, deferral(counters))
    batch = reader.next_batch()
    assert batch is not None
    assert counters.balance == 0
    return batch


def test_format_is_one_function_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DECODERS, CONTENT_TYPE, decode_lines)
    batch = opened(f"{NOW},1.5\nnonsense\n{NOW[:-5]}.999Z,13.25".encode(), CONTENT_TYPE)
    normal, anomaly = batch.measures
    assert (normal["_id"], normal["value_kwh"], normal["is_anomaly"]) == (f"S-1@{NOW}", 1.5, False)
    assert (anomaly["value_kwh"], anomaly["is_anomaly"], anomaly["threshold_kwh"]) == (13.25, True, 12.0)
    (rejection,) = batch.rejections
    assert (rejection.kind, rejection.reason) == ("invalid", "a line is time,kWh, not b'nonsense'")


@pytest.mark.parametrize(
    ("line", "kind", "reason"),
    [
        (
            b"2026-11-29T10:00:00,1",
            "invalid",
            "timestamp has no UTC offset; write it as 2026-11-23T10:00:00Z",
        ),
        (b"NOW,nan", "invalid", "value_kwh is not a finite number"),
        (b"0001-01-01T00:00:00+23:00,1", "time", "timestamp is outside of the years 1 to 9999"),
        (b"\xff", "invalid", "a line is time,kWh, not b'\\xff'"),
    ],
)
def test_row_is_checked_as_in_all_formats(
    monkeypatch: pytest.MonkeyPatch, line: bytes, kind: str, reason: str
) -> None:
    monkeypatch.setitem(DECODERS, CONTENT_TYPE, decode_lines)
    (rejection,) = opened(line.replace(b"NOW", NOW.encode()), CONTENT_TYPE).rejections
    assert (rejection.kind, rejection.reason, rejection.row) == (kind, reason, 0)


def test_what_all_formats_have_in_common_is_checked_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DECODERS, CONTENT_TYPE, decode_lines)
    (rejection,) = opened(b"1999-01-01T00:00:00Z,1.5", CONTENT_TYPE).rejections
    assert (rejection.kind, rejection.row) == ("time", 0)


@pytest.mark.parametrize("content_type", [None, "application/json", "image/png"])
def test_everything_else_is_json(content_type: str | None) -> None:
    batch = opened(b'{"sensor_id": "S-1", "value_kwh": 2.5, "timestamp": "%b"}' % NOW.encode(), content_type)
    assert [each["value_kwh"] for each in batch.measures] == [2.5]
    assert [each.kind for each in opened(f"{NOW},1.5".encode(), content_type).rejections] == ["not_json"]


def test_payload_of_many_rows_that_nobody_foresaw_is_kept_and_confirmed_to_nobody() -> None:
    reading = b'{"sensor_id": "S-1", "value_kwh": 2.5, "timestamp": "%b", "sequence": 1}' % NOW.encode()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with FLAG.replace(fail):
        batch = opened(b"[%b,%b]" % (reading, reading), None)
    assert [each.reason for each in batch.rejections] == ["it cannot be read (ZeroDivisionError)"]
    receipts = Receipts(Topics())
    receipts.confirm(batch, batch.rejections)
    assert receipts.due(everything=True) == []
