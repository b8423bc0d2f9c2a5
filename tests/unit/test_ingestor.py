"""The parts of the ingestor that need no server."""

import json
import re
import time
from datetime import datetime, timedelta
from itertools import islice
from typing import cast

import pytest
from mqtt5 import PublishPacket, QoS

from broker.connection import Connection
from broker.messages import NodeStatus, ReadingRow
from broker.topics import SensorKey, Topics
from ingestor.alert.alert import to_alert
from ingestor.batch_reader import BatchReader
from ingestor.confirm import Receipts
from ingestor.counters import Counters
from ingestor.documents import (
    Timestamp,
    day_of,
    format_timestamp,
    hour_of,
    is_late,
    measure_id,
    to_measure,
    utc_now,
)
from ingestor.flag import Thresholds
from ingestor.receive.authorization import Authorization
from ingestor.receive.inbox import READ_BELOW, Inbox
from ingestor.receive.token_bucket import TokenBuckets
from ingestor.store.sensor_updates import SensorUpdates
from tests.deliveries import deferral, exceeded_threshold

TOPICS = Topics()
MOMENT = datetime(2026, 11, 23, 10, 0, 0, 123000)  # noqa: DTZ001 - as documents have it
PLACE = SensorKey("lari", "S-1")


class Peer:
    """Stands for a connection where only its identity and its wish for a new one matter."""

    def __init__(self) -> None:
        self.renewals: list[bool] = []
        self.redelivery_wanted = self

    def set(self) -> None:
        self.renewals.append(True)


def connection() -> Connection:
    return cast("Connection", Peer())


def packet(payload: bytes, topic: str = "energy/readings/lari/S-1") -> PublishPacket:
    return PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=7)


def reading(value_kwh: float) -> ReadingRow:
    return {"sensor_id": "S-1", "value_kwh": value_kwh, "timestamp": "2026-11-23T10:00:00.123Z"}


def payload(value_kwh: float) -> bytes:
    return json.dumps(reading(value_kwh)).encode()


def written(moment: datetime) -> Timestamp:
    return moment, format_timestamp(moment)


def taken(inbox: Inbox, count: int = 1) -> int:
    """How many can be taken, at most ``count``."""
    if inbox.next_connection is None:
        return 0
    found = len(list(islice(inbox.take(), count)))
    inbox.on_taken()
    return found


def opener(inbox: Inbox, books: Counters) -> BatchReader:
    authorization = Authorization(TokenBuckets(20.0, 1_000_000))
    return BatchReader(inbox, TOPICS, Thresholds(12.0), books, authorization, deferral(books))


@pytest.mark.parametrize(
    ("value_kwh", "threshold_kwh"), [(12.0, None), (12.000001, 12.0), (11.9, None), (0, None), (1e6, 12.0)]
)
def test_only_what_is_strictly_above_the_threshold_exceeds_it(
    value_kwh: float, threshold_kwh: float | None
) -> None:
    assert exceeded_threshold(reading(value_kwh), "lari", Thresholds(12.0)) == threshold_kwh


def test_threshold_is_the_sensors_own_or_its_sites_or_that_of_all() -> None:
    assert exceeded_threshold(reading(12.5), "lari", Thresholds(12.0, {"S-1": 13.0}, {"lari": 1.0})) is None
    assert exceeded_threshold(reading(5.5), "lari", Thresholds(12.0, {"S-1": 5.0})) == 5.0
    assert exceeded_threshold(reading(5.5), "lari", Thresholds(12.0, {"S-2": 9.0}, {"lari": 3.0})) == 3.0
    assert exceeded_threshold(reading(5.5), "lari", Thresholds(12.0, {"S-2": 1.0}, {"annex": 3.0})) is None


def test_ids_of_a_reading_and_its_periods() -> None:
    measure = measure_id("S-1", format_timestamp(MOMENT))
    assert measure == "S-1@2026-11-23T10:00:00.123Z"
    assert hour_of(measure) == "S-1@2026-11-23T10"
    assert day_of(hour_of(measure)) == "S-1@2026-11-23"


def test_minus_zero_is_stored_as_zero() -> None:
    assert str(to_measure(reading(-0.0), PLACE, written(MOMENT), None, MOMENT)["value_kwh"]) == "0.0"


def test_alert_is_that_of_the_contract() -> None:
    received_at = MOMENT + timedelta(minutes=10, milliseconds=1)
    measure = to_measure(reading(12.24), PLACE, written(MOMENT), 12.0, received_at)
    assert is_late(measure)
    topic, payload, retain = to_alert(measure, TOPICS)
    assert (topic, retain) == ("energy/alerts/lari/S-1", False)
    assert json.loads(payload) == {
        "id": "S-1@2026-11-23T10:00:00.123Z",
        "sensor_id": "S-1",
        "site": "lari",
        "location": None,
        "value_kwh": 12.24,
        "threshold_kwh": 12.0,
        "timestamp": "2026-11-23T10:00:00.123Z",
        "late": True,
        "message": "ALERT: High consumption detected! (12.24 kWh > 12.0 kWh)",
    }


def test_confirmations_wait_5_s_or_for_1000(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    confirmations = Receipts(TOPICS)
    confirmations.stored(PLACE, 1)
    clock = 104.0
    confirmations.stored(PLACE, 2)
    confirmations.rejected(SensorKey("lari", "S-2"), 9)
    assert confirmations.due() == []
    clock = 105.0
    assert [each.payload for each in confirmations.due()] == [b'{"sequences":[[1,2]]}']
    for sequence in range(1000):
        confirmations.stored(PLACE, sequence)
    assert [each.payload for each in confirmations.due()] == [b'{"sequences":[[0,999]]}']
    (last,) = confirmations.due(everything=True)
    assert last == ("energy/stored/lari/S-2", b'{"sequences":[],"rejected":[[9,9]]}', False)


def test_books_count_what_arrives_and_what_is_opened() -> None:
    books = Counters()
    inbox = Inbox(TOPICS, books)
    good = payload(1.0)
    peer = connection()
    inbox.put(peer, [packet(each) for each in (good, b"[%b, %b, 1]" % (good, good), b"nonsense")])
    inbox.put(peer, [packet(b'{"state": "online"}', "energy/status/lari/S-1")])
    assert (books.received, books.pending, books.balance) == (3, 3, 0)
    batch = opener(inbox, books).next_batch()
    assert batch is not None
    assert (len(batch.deliveries), len(batch.measures), len(batch.rejections)) == (4, 3, 2)
    assert (books.received, books.pending, books.balance) == (5, 5, 0)


def test_batch_closes_at_1000_readings_and_each_has_a_later_time() -> None:
    books = Counters()
    inbox = Inbox(TOPICS, books)
    inbox.put(connection(), [packet(payload(1.0))] * 2500)
    opening = opener(inbox, books)
    batches = list(iter(opening.next_batch, None))
    assert sum(map(len, batches)) == 2500
    assert max(map(len, batches)) <= 1000
    times = [each.received_at for each in batches]
    assert sorted(set(times)) == times
    assert abs(times[0] - utc_now()) < timedelta(minutes=1)


def test_full_inbox_turns_away_all_that_follows_until_it_is_empty() -> None:
    books = Counters()
    inbox = Inbox(TOPICS, books, max_deliveries=2)
    first = Peer()
    peer = cast("Connection", first)
    for _ in range(3):
        inbox.put(peer, [packet(b"x")])
    assert taken(inbox) == 1
    inbox.put(peer, [packet(b"x")])  # there is room, but the one before it is not here
    assert (len(inbox), books.received, books.turned_away) == (1, 2, 2)
    inbox.on_drained()
    assert len(first.renewals) == 0
    assert taken(inbox) == 1
    inbox.on_drained()
    assert len(first.renewals) == 1
    inbox.put(connection(), [packet(b"x")])
    assert len(inbox) == 1


def test_batch_holds_what_one_connection_brought() -> None:
    books = Counters()
    inbox = Inbox(TOPICS, books)
    old, new = connection(), connection()
    for peer, count in ((old, 3), (new, 2)):
        inbox.put(peer, [packet(payload(1.0))] * count)
    first, second = iter(opener(inbox, books).next_batch, None)
    assert (first.connection, len(first)) == (old, 3)
    assert (second.connection, len(second)) == (new, 2)


def test_inbox_is_bounded_by_bytes_too() -> None:
    books = Counters()
    # A topic of 24 bytes counts.
    inbox = Inbox(TOPICS, books, max_bytes=50)
    peer = connection()
    for _ in range(3):
        inbox.put(peer, [packet(b"x" * 6)])
    assert (len(inbox), books.turned_away) == (2, 1)


def test_reading_pauses_above_the_room_and_goes_on_below() -> None:
    inbox = Inbox(TOPICS, Counters())
    peer = connection()
    for _ in range(READ_BELOW):
        assert inbox.may_read.is_set()
        inbox.put(peer, [packet(b"x")])
    assert not inbox.may_read.is_set()
    assert taken(inbox) == 1
    assert inbox.may_read.is_set()


def test_sensors_remember_first_and_last_of_what_passed() -> None:
    sensors = SensorUpdates()
    for minutes in (5, 1, 9, 3):
        moment = written(MOMENT + timedelta(minutes=minutes))
        sensors.on_stored([to_measure(reading(1.0), PLACE, moment, None, MOMENT)])
    for state in ("online", "offline"):
        sensors.nodes.on_status(PLACE, NodeStatus(state=state), 0.0, is_sensor=True)
    seen, node = map(repr, sensors.take())
    assert f"'$first_reading', {MOMENT + timedelta(minutes=1)!r}" in seen
    assert f"'$last_reading', {MOMENT + timedelta(minutes=9)!r}" in seen
    assert "'offline'" in node
    assert sensors.take() == []


def test_of_a_great_many_sensors_those_are_written_first_that_wait_longest() -> None:
    sensors = SensorUpdates()

    def saw(*names: str) -> None:
        places = [SensorKey("lari", name) for name in names]
        sensors.on_stored(
            [to_measure(reading(1.0), place, written(MOMENT), None, MOMENT) for place in places]
        )

    def taken_now(limit: int | None) -> list[str]:
        return re.findall(r"\{'sensor_id': '(S-[0-9])'\}", repr(sensors.take(limit)))

    saw("S-1", "S-2", "S-3")
    assert taken_now(2) == ["S-1", "S-2"]
    saw("S-1")
    assert taken_now(2) == ["S-3", "S-1"]
    saw("S-2", "S-1")
    assert taken_now(None) == ["S-2", "S-1"]
