"""The measurements on real servers, with few readings: that they measure, not what."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bench.load.history import insert_history
from bench.load.many_meters import fill_with_meters
from bench.measure.growth import stalled, with_arrays, with_documents, with_sensors
from bench.measure.latency import bare, through
from bench.measure.page_queries import ask_all, to_table
from bench.measure.schedule import keeps_schedule
from bench.measure.stage_cost import insertions, stages
from bench.measure.throughput import catch_up, consumers, live
from bench.processes import BenchError
from bench.rig import BenchRig, open_rig
from tests.programs import run_program
from tests.servers import eventually

pytestmark = pytest.mark.integration

OWN = ("limit", "limit, gathering", "prototype")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BenchRig]:
    async with open_rig(tmp_path_factory.mktemp("bench")) as rig:
        yield rig


async def test_each_of_our_own_consumers_brings_everything_home_live_and_later(rig: BenchRig) -> None:
    # So many that not all of them are stored at the first look, however busy the machine is.
    chosen = [each for each in consumers(40_000) if each.name.startswith("ours") or each.name in OWN]
    assert len(chosen) == 7
    for consumer in chosen:
        for measure in (live, catch_up):
            sample = await measure(rig, consumer)
            assert sample.rate > 100, sample
            assert sample.cpu_us > 0, sample
            assert sample.resident_mib > 1, sample
            assert sample.broker_us > 0, sample
            assert sample.database_us > 0 or consumer.collection is None, sample


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rounds", "0"], "--rounds '0': input should be greater than or equal to 1"),
        (["--document", "--quick"], "--document is not for a first impression; leave out --quick"),
    ],
)
def test_wrong_option_is_answered_with_one_sentence(options: list[str], sentence: str) -> None:
    assert run_program("bench", *options) == (2, "", f"scripts/bench: {sentence}\n")


async def test_ctrl_c_ends_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", "--only", "throughput"),
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await eventually(lambda: any(tmp_path.glob("*/publisher.log")))
    running.send_signal(signal.SIGINT)
    _, said = await running.communicate()
    assert said.decode() == "scripts/bench: stopped before the end; nothing was written\n"
    assert running.returncode == 130
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - all is over


async def test_what_ends_too_early_is_no_measurement(rig: BenchRig) -> None:
    broken = rig.child("broken", "-c", "print('ready')")
    await broken.start()
    with pytest.raises(BenchError, match=r"broken ended before its work was done; see .*broken\.log"):
        await broken.report()
    await broken.stop()


async def test_latency_is_measured_for_every_reading_and_every_alert(rig: BenchRig) -> None:
    ways = [await bare(rig, 500, 1.0), *await through(rig, 500, 1.0)]
    assert [each.count for each in ways] == [500, 450, 50]
    for each in ways:
        p50, p99, most = each.milliseconds
        assert 0 < p50 <= p99 <= most < 5_000, each


async def test_growth_is_measured(rig: BenchRig, tmp_path: Path) -> None:
    crowd = await with_sensors(rig, 100, 2_000, 2_000)
    assert 0 < crowd.cpu_us < 10_000
    assert (await with_arrays(rig, 1000, 10_000)).rate > 100
    rig.reset()
    assert (await with_documents(rig, 10_000, 2_000, lambda _: None)).rate > 100
    assert rig.stored("measures") == 12_000
    stall = await stalled(rig, 1.5, 5_000)
    assert 0 < stall.waiting <= 5_000
    assert stall.before_mib <= stall.most_mib


async def test_schedule_of_a_node_is_measured(rig: BenchRig) -> None:
    schedule = await keeps_schedule(rig, 100, 2)
    # What arrives in one packet with the last one is timed too.
    assert schedule.timed >= 200
    assert 0 <= schedule.late_ms[0] <= schedule.late_ms[1] <= schedule.late_ms[2]
    assert 0 < schedule.cpu_share < 1


def test_stages_and_insertions_have_a_cost(rig: BenchRig) -> None:
    for stage in stages(2_000):
        assert 0 < stage.cost_us < 1_000, stage
    for insertion in insertions(rig, 5_000):
        assert insertion.rate > 100, insertion
        assert insertion.cpu_us > 0, insertion


async def test_pages_are_asked_about_as_many_readings_as_is_said(rig: BenchRig) -> None:
    said: list[str] = []
    await fill_with_meters(rig, 123_456, said.append)
    assert rig.stored("measures") == 123_456
    assert all(rig.stored(each) for each in ("sensors", "hourly", "daily", "alarms", "rejected"))
    asked = await ask_all(rig)
    assert all(len(each.took_ms) == 5 and min(each.took_ms) > 0 for each in asked)
    table = to_table({123_456: asked})
    assert (table.columns, len(table.rows)) == (("question", "ms at 123,456"), len(asked))


async def test_past_that_the_database_does_not_take_is_told(rig: BenchRig) -> None:
    with pytest.raises(BenchError, match="the past cannot be stored in daily: "):
        insert_history(rig, "daily", iter([{"_id": 1}, {"_id": 1}]), print)
