"""The parts of a sensor node: meter, outbox, ledger."""

import json
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.connection import Connection, OutgoingMessage
from broker.errors import BrokerLostError
from broker.ledger import AttemptEntry, OutcomeEntry, entry_adapter
from broker.messages import Reading, SequenceRange
from broker.topics import SensorKey
from sensor_node.meter.meter import Meter, first_sequence
from sensor_node.outbox.backfill import BURST, BackfillBucket
from sensor_node.outbox.durable import OutboxError, OutboxTakenError, open_outbox
from sensor_node.outbox.in_flight import CONFIRMED_WITHIN_S, RESEND_AFTER_S
from sensor_node.outbox.ledger import Ledger, open_ledger
from sensor_node.outbox.outbox import Outbox, OutboxEntry
from sensor_node.outbox.publisher import MAX_UNCONFIRMED, Publisher
from sensor_node.settings import SensorNodeSettings
from tests.fault_points.sensor_node import PUBLISH_READINGS, publish_once

NOW = datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)
PLACE, OTHER = SensorKey("lari", "S-1"), SensorKey("lari", "S-2")


def test_meter_counts_and_never_gives_two_readings_one_time() -> None:
    meter = Meter(PLACE, "Room 1", sequence=5)
    hour, millisecond = timedelta(hours=1), timedelta(milliseconds=1)
    made = [meter.read(now, 1.5)[0] for now in (NOW, NOW, NOW - hour, NOW + hour)]
    readings = [Reading.model_validate_json(each.payload) for each in made]
    assert [each.sequence for each in readings] == [5, 6, 7, 8]
    first = NOW.replace(microsecond=123000)
    expected = [first, first + millisecond, first + 2 * millisecond, first + hour]
    assert [each.timestamp for each in readings] == expected


def test_meter_without_memory_begins_above_all_it_ever_used() -> None:
    later = first_sequence(NOW + timedelta(seconds=1))
    assert first_sequence(NOW) + 1_000_000 == later < 2**53


@pytest.fixture(params=["memory", "file"])
async def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Outbox]:
    """Both outboxes keep the same promises."""
    if request.param == "memory":
        yield Outbox(100, Ledger())
    else:
        async with open_outbox(tmp_path / "outbox.db", 100, Ledger()) as durable:
            yield durable


def kept(*sequences: int, place: SensorKey = PLACE) -> list[OutboxEntry]:
    made = {"sensor_id": place.name, "value_kwh": 1.5, "timestamp": "2026-11-23T10:00:00Z"}
    return [OutboxEntry(place, each, json.dumps(made | {"sequence": each}).encode()) for each in sequences]


async def stored(outbox: Outbox, *ranges: SequenceRange, now_s: float = 0.0) -> int:
    return await outbox.forget(PLACE, ranges, now_s, stored=True)


async def test_new_reading_goes_out_once_however_long_its_confirmation_takes(outbox: Outbox) -> None:
    for now_s in range(1, 200):
        await outbox.add(kept(now_s))
        assert outbox.take_new(float(now_s), 10) == kept(now_s)
        if now_s > 90:
            # What was before it in the queue says nothing of it.
            await stored(outbox, (now_s - 90, now_s - 90), now_s=float(now_s))
        assert outbox.take_backfill(float(now_s), 10) == []
    assert len(outbox) == 90


async def test_while_nothing_is_confirmed_the_newest_reading_is_sent_less_and_less_often(
    outbox: Outbox,
) -> None:
    await outbox.add(kept(1, 2))
    outbox.take_new(0.0, 10)
    sent = [(now_s, again) for now_s in range(2600) if (again := outbox.take_backfill(now_s, 10))]
    assert sent == [(now_s, kept(2)) for now_s in (10, 30, 70, 150, 310, 630, 1270, 2550)]
    # It stays at 21 minutes.
    assert outbox.take_backfill(2550 + 1279, 10) == []
    assert outbox.take_backfill(2550 + 1280, 10) == kept(2)
    # Nothing is sent above the rate.
    assert outbox.take_backfill(9999, 0) == []
    # Its confirmation shows what is missing.
    await stored(outbox, (2, 2), now_s=10_000)
    assert outbox.take_backfill(10_000 + CONFIRMED_WITHIN_S, 10) == kept(1)


async def test_reading_is_sent_again_when_a_later_one_is_confirmed_and_it_is_not(outbox: Outbox) -> None:
    await outbox.add(kept(1, 2, 3))
    for now_s in (0.0, 1.0, 2.0):
        outbox.take_new(now_s, 1)
    await stored(outbox, (2, 2), now_s=5.0)
    # To see whether the ingestor answers.
    assert outbox.take_backfill(RESEND_AFTER_S - 0.1, 1) == kept(3)
    assert outbox.take_backfill(RESEND_AFTER_S, 10) == kept(1)
    # It is behind the third now.
    await stored(outbox, (3, 3), now_s=31.0)
    assert outbox.take_backfill(40.9, 10) == []
    await outbox.add(kept(4))
    outbox.take_new(41.0, 1)
    await stored(outbox, (4, 4), now_s=58.0)
    assert outbox.take_backfill(59.9, 10) == []
    # The confirmation of another sensor may take that much longer.
    assert outbox.take_backfill(58.0 + CONFIRMED_WITHIN_S, 10) == kept(1)


async def test_confirmed_readings_are_forgotten(outbox: Outbox) -> None:
    await outbox.add(kept(*range(1, 11)) + kept(1, place=OTHER))
    outbox.take_new(0.0, 5)
    assert await stored(outbox, (1, 3), (5, 7)) == 6
    assert await stored(outbox, (1, 3), (90, 99)) == 0
    assert outbox.take_new(1.0, 10) == kept(8, 9, 10) + kept(1, place=OTHER)
    # A range as wide as numbers go costs no more than what is here.
    assert await stored(outbox, (0, 2**63 - 1)) == 4
    assert outbox.sensor_keys == {OTHER}


async def test_new_connection_gets_everything_again_in_the_order_of_making(outbox: Outbox) -> None:
    await outbox.add(kept(1, 2, 3, 4))
    outbox.take_new(0.0, 3)
    outbox.send_again()
    await outbox.add(kept(5))
    behind = [outbox.has_backfill]
    assert outbox.take_new(31.0, 10) == kept(5)
    assert outbox.take_backfill(31.0, 3) == kept(1, 2, 3)
    assert outbox.take_backfill(31.0, 3) == kept(4)
    behind.append(outbox.has_backfill)
    assert behind == [True, False]
    assert next(iter(outbox.entries)) == kept(1)[0]


async def test_full_outbox_keeps_the_oldest_and_counts_what_it_rejects(outbox: Outbox) -> None:
    await outbox.add(kept(*range(90)))
    await outbox.add(kept(*range(90, 110)))
    assert (len(outbox), outbox.dropped) == (100, 10)
    assert outbox.take_new(0.0, 1000) == kept(*range(100))


async def test_file_keeps_what_is_not_confirmed_and_the_count(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "outbox.db"
    async with open_outbox(path, 100, Ledger()) as first:
        assert await first.last_sequence(PLACE) == -1
        await first.add(kept(7, 8, 9) + kept(3, place=OTHER))
        await stored(first, (7, 9))
        with pytest.raises(OutboxTakenError, match="another sensor node uses the outbox"):
            async with open_outbox(path, 100, Ledger()):
                pass
    async with open_outbox(path, 100, Ledger()) as second:
        # What an earlier process left behind is no news: it may not hold up what is made now.
        assert second.take_new(0.0, 10) == []
        assert second.take_backfill(0.0, 10) == kept(3, place=OTHER)
        assert (await second.last_sequence(PLACE), await second.last_sequence(OTHER)) == (9, 3)


async def test_damaged_file_is_rejected_and_nothing_of_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    async with open_outbox(path, 100, Ledger()) as outbox:
        await outbox.add(kept(7))
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE readings SET sequence = 8")
        database.commit()
    with pytest.raises(OutboxError, match=r"outbox\.db is damaged; move it away or name another$"):
        async with open_outbox(path, 100, Ledger()):
            pass


class HalfDeaf(Connection):
    """A connection to a broker on which nobody listens to one site."""

    def __init__(self) -> None:
        self.no_subscribers = 0
        self.sent: list[str] = []

    async def publish_many(self, messages: Sequence[OutgoingMessage]) -> None:
        self.sent += [each.topic for each in messages]
        self.no_subscribers += sum("/deaf/" in each.topic for each in messages)


async def test_what_nobody_hears_does_not_make_the_rest_go_out_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    outbox, connection = Outbox(100, Ledger()), HalfDeaf()
    publisher = Publisher(SensorNodeSettings(), PLACE, [PLACE], outbox)
    await outbox.add(kept(1, place=SensorKey("deaf", "S-9")) + kept(2))

    async def publish_for(seconds: int) -> int:
        before = len(connection.sent)
        for _ in range(seconds):
            now_s[0] += 1
            for due in (outbox.take_new(now_s[0], 1), outbox.take_backfill(now_s[0], 1)):
                if due:
                    await PUBLISH_READINGS.original(publisher, connection, due)
        return len(connection.sent) - before

    # Both once, both again as soon as the second was heard, and one to see whether the ingestor answers.
    assert await publish_for(25) == 5
    assert await publish_for(60) <= 8


class Cut(Connection):
    """A connection that is lost before the broker has answered so many times."""

    def __init__(self, losses: int) -> None:
        self.losses = losses
        self.sent: list[bytes] = []

    async def publish_many(self, messages: Sequence[OutgoingMessage]) -> None:
        self.sent += [each.payload for each in messages]
        if self.losses:
            self.losses -= 1
            raise BrokerLostError("lost")


async def test_what_is_sent_once_is_sent_again_until_the_broker_has_answered() -> None:
    publisher = Publisher(SensorNodeSettings(), PLACE, [PLACE], Outbox(100, Ledger()))
    publisher.send_once([(PLACE, b"{"), (PLACE, b"[")])
    with pytest.raises(BrokerLostError):
        await publish_once(publisher, lost := Cut(1))
    assert publisher.has_unsent
    await publish_once(publisher, lost)
    assert (lost.sent, publisher.has_unsent) == ([b"{", b"["] * 2, False)


async def test_what_waits_to_be_sent_once_is_bounded() -> None:
    publisher = Publisher(SensorNodeSettings(), PLACE, [PLACE], Outbox(100, Ledger()))
    publisher.send_once([(PLACE, b"{")] * (MAX_UNCONFIRMED - 1))
    crowded = [publisher.is_queue_full]
    publisher.send_once([(PLACE, b"{")])
    assert [*crowded, publisher.is_queue_full] == [False, True]


def test_backfill_keeps_to_its_rate() -> None:
    allowance = BackfillBucket(rate_per_s=160, now_s=0.0)
    # A few readings that found no connection yet need not wait.
    assert allowance.available(0.0) == BURST
    allowance.spend(BURST)
    sent = 0
    for tick in range(1, 81):
        allowed = allowance.available(tick * 0.125)
        assert allowed == 20
        allowance.spend(allowed)
        sent += allowed
    assert sent == 1600
    # Who was silent for long does not make up for it in one burst.
    assert allowance.available(1000.0) == BURST


async def test_ledger_has_every_attempt_before_it_may_be_sent_and_what_became_of_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    async with open_ledger(path) as ledger, open_outbox(tmp_path / "outbox.db", 4, ledger) as outbox:
        meter = Meter(PLACE, "Room 1", sequence=1)
        made = [meter.read(NOW + timedelta(seconds=number), 1.5)[0] for number in range(5)]
        readings = [Reading.model_validate_json(each.payload) for each in made]
        await outbox.add([OutboxEntry(PLACE, each.sequence, each.payload) for each in made])
        await stored(outbox, (1, 2))
        await outbox.forget(PLACE, [(3, 3)], 0.0, stored=False)
        await ledger.mark_unknown(outbox.entries)
    with path.open("ab") as torn:
        torn.write(b'{"event":"invo')
    # The next process finds one reading that is not confirmed.
    async with open_ledger(path) as ledger, open_outbox(tmp_path / "outbox.db", 4, ledger) as outbox:
        pass
    lines = path.read_bytes().splitlines()
    assert lines.pop(8) == b'{"event":"invo'
    entries = [entry_adapter.validate_json(line) for line in lines]
    attempts = [(each.event, each.reading) for each in entries if isinstance(each, AttemptEntry)]
    assert attempts == [
        *(("invoke", each) for each in readings[:4]),
        ("refused", readings[4]),
        ("invoke", readings[3]),
    ]
    outcomes = [(each.event, each.sequences) for each in entries if isinstance(each, OutcomeEntry)]
    assert outcomes == [("confirmed", [(1, 2)]), ("rejected", [(3, 3)]), ("unknown", [(4, 4)])]
    assert {each.site for each in entries} == {"lari"}
