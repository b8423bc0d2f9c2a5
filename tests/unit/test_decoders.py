"""A new payload format is one function and one line: shown with a format that only this test has."""

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest
from mqtt5 import PublishPacket, QoS

from broker.topics import Topics
from ingestor.batch_reader import BatchReader
from ingestor.counters import Counters
from ingestor.decode.decoders import DECODERS
from ingestor.decode.timestamps import parse_timestamp
from ingestor.delivery import Batch, DecodedReading, Delivery, Rejection, RejectKind
from ingestor.documents import format_timestamp, utc_now
from ingestor.flag import Thresholds
from ingestor.receive.authorization import Authorization
from ingestor.receive.inbox import Inbox
from ingestor.receive.token_bucket import TokenBuckets

if TYPE_CHECKING:
    from broker.connection import Connection

CONTENT_TYPE = "text/csv"
NOW = format_timestamp(utc_now() - timedelta(minutes=1))


def decode_csv(delivery: Delivery) -> None:
    """Decode lines of ``time,kWh`` without a sensor id, which is that of the topic."""
    delivery.is_array = True
    rows: list[DecodedReading | Rejection] = []
    for line in delivery.packet.payload.decode().splitlines():
        written, _, value = line.partition(",")
        if delivery.key is None or not value.replace(".", "").isdigit():
            rows.append(delivery.reject(RejectKind.INVALID, f"no value in {line!a}"))
            continue
        rows.append(
            (
                {"sensor_id": delivery.key.name, "value_kwh": float(value), "timestamp": written},
                parse_timestamp(written),
            )
        )
    delivery.rows = rows


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
    batch = BatchReader(inbox, topics, Thresholds(12.0), counters, authorization).next_batch()
    assert batch is not None
    assert counters.balance == 0
    return batch


def test_format_is_one_function_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DECODERS, CONTENT_TYPE, decode_csv)
    batch = opened(f"{NOW},1.5\nnonsense\n{NOW[:-5]}.999Z,13.25".encode(), CONTENT_TYPE)
    normal, anomaly = batch.measures
    assert (normal["_id"], normal["value_kwh"], normal["is_anomaly"]) == (f"S-1@{NOW}", 1.5, False)
    assert (anomaly["value_kwh"], anomaly["is_anomaly"], anomaly["threshold_kwh"]) == (13.25, True, 12.0)
    (rejection,) = batch.rejections
    assert (rejection.kind, rejection.reason) == ("invalid", "no value in 'nonsense'")


def test_what_all_formats_have_in_common_is_checked_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DECODERS, CONTENT_TYPE, decode_csv)
    (rejection,) = opened(b"1999-01-01T00:00:00Z,1.5", CONTENT_TYPE).rejections
    assert (rejection.kind, rejection.row) == ("time", 0)


@pytest.mark.parametrize("content_type", [None, "application/json", "image/png"])
def test_everything_else_is_json(content_type: str | None) -> None:
    batch = opened(b'{"sensor_id": "S-1", "value_kwh": 2.5, "timestamp": "%b"}' % NOW.encode(), content_type)
    assert [each["value_kwh"] for each in batch.measures] == [2.5]
    assert [each.kind for each in opened(f"{NOW},1.5".encode(), content_type).rejections] == ["not_json"]
