"""Waiting for the database: once said, never given up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

import pytest
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from ingestor.alarms.records import AlarmRecords
from ingestor.store.reading_store import open_store
from ingestor.store.retry import Retry, StoreRejectedError
from tests.fault_points.ingestor import LONGEST_PAUSE_S


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    with LONGEST_PAUSE_S.replace(0.001):
        yield


def failing(*errors: PyMongoError) -> Callable[[], Awaitable[str]]:
    remaining = list(errors)

    async def operation() -> str:
        if remaining:
            raise remaining.pop(0)
        return "done"

    return operation


def answered(patient: Retry) -> bool:
    return patient.is_answered


async def test_operation_is_repeated_until_it_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    patient = Retry()
    assert not answered(patient)
    assert await patient(failing(*[AutoReconnect("host:1: refused, and so on")] * 5)) == "done"
    assert patient.is_answered
    assert caplog.messages == [
        "MongoDB does not answer (host:1: refused); trying until it does.",
        "MongoDB answers again after 0 s.",
    ]


async def test_it_is_not_back_while_one_still_waits(caplog: pytest.LogCaptureFixture) -> None:
    patient = Retry()
    release = asyncio.Event()

    async def write() -> str:
        if not release.is_set():
            raise AutoReconnect("no")
        return "written"

    writing = asyncio.create_task(patient(write))
    await asyncio.sleep(0.01)  # so that it has tried once
    # A read that works, as on a full disk, does not make it well.
    await patient(failing())
    assert not answered(patient)
    release.set()
    assert await writing == "written"
    assert patient.is_answered
    assert len(caplog.messages) == 2


async def test_background_work_waits_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    patient = Retry()
    await patient(failing())
    await patient(failing(AutoReconnect("no")), aloud=False)
    assert patient.is_answered
    assert caplog.messages == []


async def test_cancelled_waiting_does_not_count(caplog: pytest.LogCaptureFixture) -> None:
    patient = Retry()
    await patient(failing())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await patient(failing(*[AutoReconnect("no")] * 100_000))
    assert patient.is_answered
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("code", [13, 18])
async def test_rejection_counts_at_the_first_contact_only(code: int) -> None:
    patient = Retry()
    with pytest.raises(StoreRejectedError, match="MongoDB does not let this user in"):
        await patient(failing(OperationFailure("no", code)))
    patient = Retry()
    await patient(failing())
    assert await patient(failing(OperationFailure("no", code))) == "done"


async def test_nothing_to_write_is_no_answer_of_the_database() -> None:
    async with open_store("mongodb://127.0.0.1:1/energy_db") as store:
        await AlarmRecords(store, "ingestor", ["+"]).write_sensors({}, {})
        assert not answered(store.retry)
