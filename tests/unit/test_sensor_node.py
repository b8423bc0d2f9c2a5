"""The parts of a sensor node: profile, meter, outbox."""

import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.topics import Place
from sensor_node.durable import OutboxTakenError, open_outbox
from sensor_node.meter import Meter, first_sequence
from sensor_node.outbox import RESEND_AFTER_S, Kept, Outbox
from sensor_node.profile import lari

NOW = datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)
PLACE, OTHER = Place("lari", "S-1"), Place("lari", "S-2")


def test_laboratory_has_40_percent_peaks() -> None:
    rng = random.Random(7)
    values = [lari(rng) for _ in range(20_000)]
    peaks = [value for value in values if value >= 8.0]
    assert 0.39 < len(peaks) / len(values) < 0.41
    assert all(0.8 <= value <= 2.5 or 8.0 <= value <= 15.0 for value in values)
    assert all(round(value, 2) == value for value in values)
    # Uniform: 3 of the 7 kWh of a peak's range are above the threshold.
    assert 0.41 < sum(value > 12.0 for value in peaks) / len(peaks) < 0.45


def test_meter_counts_and_never_gives_two_readings_one_time() -> None:
    meter = Meter("S-1", "Room 1", lari, seed=1, sequence=5)
    hour, millisecond = timedelta(hours=1), timedelta(milliseconds=1)
    readings = [meter.read(now) for now in (NOW, NOW, NOW - hour, NOW + hour)]
    assert [each.sequence for each in readings] == [5, 6, 7, 8]
    first = NOW.replace(microsecond=123000)
    expected = [first, first + millisecond, first + 2 * millisecond, first + hour]
    assert [each.timestamp for each in readings] == expected


def test_seed_and_sensor_decide_the_values() -> None:
    def values(sensor_id: str, seed: int | None) -> list[float]:
        meter = Meter(sensor_id, "", lari, seed, 0)
        return [meter.read(NOW).value_kwh for _ in range(20)]

    assert values("S-1", 7) == values("S-1", 7)
    assert values("S-1", 7) != values("S-2", 7)
    assert values("S-1", 7) != values("S-1", 8)
    assert values("S-1", None) != values("S-1", None)


def test_meter_without_memory_begins_above_all_it_ever_used() -> None:
    later = first_sequence(NOW + timedelta(seconds=1))
    assert first_sequence(NOW) + 1_000_000 == later < 2**53


@pytest.fixture(params=["memory", "file"])
async def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Outbox]:
    """Both outboxes keep the same promises."""
    if request.param == "memory":
        yield Outbox(limit=100)
    else:
        async with open_outbox(tmp_path / "outbox.db", limit=100) as durable:
            yield durable


def kept(*sequences: int, place: Place = PLACE) -> list[Kept]:
    return [Kept(place, sequence, json.dumps(sequence).encode()) for sequence in sequences]


async def test_reading_goes_out_once_and_again_after_30_s(outbox: Outbox) -> None:
    await outbox.add(kept(1, 2, 3))
    assert outbox.take_due(0.0, 2) == kept(1, 2)
    assert outbox.take_due(1.0, 10) == kept(3)
    assert outbox.take_due(RESEND_AFTER_S - 0.1, 10) == []
    assert outbox.take_due(RESEND_AFTER_S, 10) == kept(1, 2)
    assert outbox.take_due(RESEND_AFTER_S + 1, 10) == kept(3)
    assert len(outbox) == 3


async def test_confirmed_readings_are_forgotten(outbox: Outbox) -> None:
    await outbox.add(kept(*range(1, 11)) + kept(1, place=OTHER))
    outbox.take_due(0.0, 5)
    assert await outbox.confirm(PLACE, [(1, 3), (5, 7)]) == 6
    assert await outbox.confirm(PLACE, [(1, 3), (90, 99)]) == 0
    assert outbox.take_due(1.0, 10) == kept(8, 9, 10) + kept(1, place=OTHER)
    # A range as wide as numbers go costs no more than what is here.
    assert await outbox.confirm(PLACE, [(0, 2**63 - 1)]) == 4
    assert outbox.places == {OTHER}


async def test_new_connection_gets_everything_again_in_order(outbox: Outbox) -> None:
    await outbox.add(kept(1, 2, 3))
    outbox.take_due(0.0, 2)
    outbox.send_again()
    assert outbox.take_due(0.1, 10) == kept(1, 2, 3)


async def test_full_outbox_keeps_the_oldest_and_counts_what_it_refuses(outbox: Outbox) -> None:
    await outbox.add(kept(*range(90)))
    await outbox.add(kept(*range(90, 110)))
    assert (len(outbox), outbox.refused) == (100, 10)
    assert outbox.take_due(0.0, 1000) == kept(*range(100))


async def test_file_keeps_what_is_not_confirmed_and_the_count(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "outbox.db"
    async with open_outbox(path, limit=100) as first:
        assert await first.last_sequence(PLACE) == -1
        await first.add(kept(7, 8, 9) + kept(3, place=OTHER))
        await first.confirm(PLACE, [(7, 9)])
        with pytest.raises(OutboxTakenError, match="another sensor node uses the outbox"):
            async with open_outbox(path, limit=100):
                pass
    async with open_outbox(path, limit=100) as second:
        assert second.take_due(0.0, 10) == kept(3, place=OTHER)
        assert (await second.last_sequence(PLACE), await second.last_sequence(OTHER)) == (9, 3)
