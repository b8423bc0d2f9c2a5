"""An outbox file that cannot grow: it keeps what it has, drops the newest, and goes on when there is room."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.topics import SensorKey
from sensor_node.outbox.durable import open_outbox
from sensor_node.outbox.ledger import Ledger
from sensor_node.outbox.outbox import Outbox, OutboxEntry

KEY = SensorKey("lari", "S-1")
SMALL_BYTES = 100_000


@contextmanager
def small_disk(size: int = SMALL_BYTES) -> Iterator[None]:
    """No file can be larger than this, bytes; Python ignores the signal that comes with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def entry(number: int) -> OutboxEntry:
    made = {"sensor_id": "S-1", "value_kwh": 1.5, "timestamp": "2026-11-23T10:00:00Z", "sequence": number}
    return OutboxEntry(KEY, number, json.dumps(made).encode())


async def fill(outbox: Outbox, first: int = 0) -> int:
    """Add readings one by one until there is no room; the number of the one that found none."""
    number = first
    while await outbox.add([entry(number)]):
        number += 1
    return number


async def confirm(outbox: Outbox, *numbers: int) -> None:
    await outbox.forget(KEY, [(each, each) for each in numbers], 0.0, stored=True)


async def test_newest_readings_are_dropped_and_counted_and_the_rest_is_sent_and_survives(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "o.db"
    async with open_outbox(path, 10_000, Ledger()) as outbox:
        with small_disk():
            count = await fill(outbox)
            assert not await outbox.add([entry(number) for number in range(count + 1, count + 501)])
        assert count > 50
        assert (len(outbox), outbox.dropped) == (count, 501)
        # Said once, with the first that is lost.
        (said,) = caplog.messages
        assert said == (
            f"The outbox is full ({path}: disk I/O error): new ones are LOST, "
            f"the first with number {count} of S-1. Make room on its disk."
        )
        assert [each.sequence for each in outbox.take_new(0.0, 10_000)] == [*range(count)]
        # There is room again.
        assert await outbox.add([entry(10_000)])
    async with open_outbox(path, 10_000, Ledger()) as outbox:
        assert [each.sequence for each in outbox.entries] == [*range(count), 10_000]


async def test_node_that_starts_on_a_full_disk_sends_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    with small_disk():
        async with open_outbox(path, 10_000, Ledger()) as outbox:
            count = await fill(outbox)
        async with open_outbox(path, 10_000, Ledger()) as outbox:
            assert len(outbox.take_backfill(0.0, 10_000)) == count
            assert not await outbox.add([entry(count)] * 100)
            await confirm(outbox, *range(count - 1))
            assert [each.sequence for each in outbox.entries] == [count - 1]
        # Whether it could be deleted or not, nothing that is not confirmed is gone.
        async with open_outbox(path, 10_000, Ledger()) as outbox:
            assert count - 1 in [each.sequence for each in outbox.entries]


async def test_disk_that_the_outbox_fills_by_itself_has_room_once_all_is_confirmed(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    with small_disk():
        async with open_outbox(path, 10_000, Ledger()) as outbox:
            first = 0
            for _ in range(3):
                last = await fill(outbox, first)
                assert last - first > 50
                await confirm(outbox, *range(first, last))
                first = last + 1
            assert await outbox.add([entry(first)])
        async with open_outbox(path, 10_000, Ledger()) as outbox:
            assert [each.sequence for each in outbox.entries] == [first]
            assert await outbox.last_sequence(KEY) == first
