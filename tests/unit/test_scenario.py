"""Scenarios: what they mean, what is said of them, and how mistakes in them are told."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from durationpy import to_str

from broker.topics import SensorKey
from sensor_node.__main__ import find_command
from sensor_node.faults.fault_types import FAULT_TYPES
from sensor_node.meter.factory import build_group
from sensor_node.meter.meter import first_sequence
from sensor_node.meter.scheduler import ReadingScheduler, Readout, as_recorded, simultaneous, staggered
from sensor_node.plan import PlanError, PlanTimeline, SimulationPlan
from sensor_node.recordings.replay import ReplaySettings, replay_plan
from sensor_node.recordings.series import RecordedSeries
from sensor_node.scenarios.check import describe_plan
from sensor_node.scenarios.run import read_plan
from sensor_node.scenarios.scenario import EXAMPLES, find_scenario, read_scenario
from sensor_node.scenarios.scenario_plan import plan_scenario
from sensor_node.settings import SensorNodeSettings

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
NODE = '[[sites]]\nname = "lari"\n[[sites.nodes]]\nsensor_id = "S-01"\n'
METERS = f'name = "Test"\n{NODE}[[sites.nodes.meters]]\n'


def plan_text(text: str, folder: Path) -> SimulationPlan:
    file = folder / "scenario.toml"
    file.write_text(text)
    return plan_scenario(read_scenario(file), folder, NOW)


@pytest.mark.parametrize("name", ["lab-day", "campus", "bad-day"])
def test_examples_are_found_by_name_and_said_in_words(name: str) -> None:
    file = find_scenario(Path(name))
    assert file == EXAMPLES / f"{name}.toml"
    lines = describe_plan(plan_scenario(read_scenario(file), file.parent, NOW))
    assert max(map(len, lines)) <= 80
    assert lines[0] == read_scenario(file).name


def test_campus_has_500_meters_and_the_bad_day_every_fault() -> None:
    campus, bad_day = (
        plan_scenario(read_scenario(EXAMPLES / f"{name}.toml"), EXAMPLES, NOW)
        for name in ("campus", "bad-day")
    )
    assert campus.meter_count == 500
    kinds = {fault.kind for node in bad_day.nodes for group in node.groups for fault in group.faults}
    assert kinds | {fault.kind for node in bad_day.nodes for fault in node.faults} == set(FAULT_TYPES)


def test_file_of_ones_own_wins_over_an_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_scenario(Path("campus.toml")) == EXAMPLES / "campus.toml"
    (tmp_path / "campus.toml").write_text("")
    assert find_scenario(Path("campus.toml")) == Path("campus.toml")


def test_long_name_is_broken_into_lines(tmp_path: Path) -> None:
    lines = describe_plan(plan_text(METERS.replace("Test", "A very long day " * 6), tmp_path))
    assert lines[0].startswith("A very long day A very")
    assert max(map(len, lines)) <= 80


def test_meters_of_a_node_count_up_over_its_groups(tmp_path: Path) -> None:
    plan = plan_text(f'{METERS}count = 2\n[[sites.nodes.meters]]\ncount = 3\nprofile = "office"\n', tmp_path)
    assert [each.name for each in plan.nodes[0].sensor_keys] == ["S-01", "S-02", "S-03", "S-04", "S-05"]
    assert plan.nodes[0].sensor_key == SensorKey("lari", "S-01")


def test_fault_of_a_meter_strikes_those_it_names_and_of_a_node_the_node(tmp_path: Path) -> None:
    text = (
        f'{METERS}count = 3\n[[faults]]\nkind = "peak"\nrate = "1%"\nmeters = "*-02"\n'
        '[[faults]]\nkind = "reboot"\nat = "+5s"\n'
        '[[faults]]\nkind = "counter-reset"\nrate = 0.5\n'
    )
    plan = plan_text(text, tmp_path)
    node = plan.nodes[0]
    assert [fault.kind for fault in node.faults] == ["reboot"]
    # None of the meters has a register.
    assert [fault.kind for fault in node.groups[0].faults] == ["peak"]
    sequences = dict.fromkeys(node.sensor_keys, 1)
    group = build_group(node.groups[0], "lari", plan, NOW, sequences)
    strikes = [
        sum(bool(made.faults) for at in range(2000) for made in meter.read(NOW + timedelta(seconds=at), 1.0))
        for meter in group.meters
    ]
    assert strikes[0] == strikes[2] == 0 < strikes[1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "is not valid TOML: Invalid value"),
        ("name = 'x'", "sites: it is missing"),
        ("name = 'x'\nsites = []", "sites: it is empty; there must be at least one"),
        (f"seed = {'9' * 5000}", "a number in it has too many digits"),
        (f"a = {'[' * 50_000}", "is not valid TOML: it is nested too deep"),
        (
            METERS.replace("S-01", "S" * 64) + "count = 9",
            f"the last of 9 meters counted up from {'S' * 64} would be {'S' * 64}-9: use 1 to 64 letters",
        ),
        (
            f"{METERS}count = 60_000\n[[sites.nodes.meters]]\ncount = 60_000",
            "a node has at most 100,000 meters, not 120,000",
        ),
        (f"{METERS}colour = 1", "sites.1.nodes.1.meters.1.colour: there is no such setting"),
        (f"{METERS}interval = '0s'", "sites.1.nodes.1.meters.1.interval: an interval must be 1ms to 24h"),
        (f"{METERS}profile = 'house'", "profile: unknown profile; known are lari, household"),
        (f"{METERS}yearly_kwh = 5", "yearly_kwh does not fit profile: lari has a fixed distribution"),
        (
            f"{METERS}profile='ev-charger'\nyearly_kwh = [5, 2e6]",
            "yearly_kwh does not fit profile: a charging",
        ),
        (f"{METERS}profile='office'\nyearly_kwh = [5, 3]", "yearly_kwh: write the smaller number first"),
        (f"{METERS}faults = [{{ kind = 'counter-reset', rate = '1%' }}]", "add counter = true"),
        (
            f"{METERS}[[faults]]\nkind = 'oops'\nrate = 1",
            "faults.1: 'oops' is not a fault; faults are peak, drift",
        ),
        (f"{METERS}[[faults]]\nkind = 'peak'", "faults.1: peak needs a rate (1%) or a time (at = +5m)"),
        (f"{METERS}[[faults]]\nkind = []\nrate = 1", "faults.1.kind: input should be a valid string"),
        (
            f"{METERS}[[faults]]\nkind = 'peak'\nat = '+999999999h'",
            "faults.1.at: a time after the start must be +0s to +87600h",
        ),
        (f"from = 0001-01-01\n{METERS}", "from: use a year from 2000 to 2100"),
        (f"speed = 5\n{METERS}", "to and speed need from; without it, the scenario runs live"),
        (f"from = 2026-01-02\nto = 2026-01-01\n{METERS}", "to must be later than from"),
        (f"{METERS}[sites.nodes.meters.replay]\nfile = 'none.csv'", "none.csv cannot be read"),
        (METERS + METERS.split("\n", 1)[1], "there are two meters S-01; give one node another sensor_id"),
        (METERS.replace("S-01", "S/01"), "sensor_id: use 1 to 64 letters, digits, dots"),
    ],
)
def test_mistake_is_told_in_one_sentence_that_says_where(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=re.escape(sentence)) as caught:
        plan_text(text, tmp_path)
    assert "\n" not in str(caught.value)


def test_words_name_what_is_simulated_and_how_much(tmp_path: Path) -> None:
    text = (
        f"seed = 7\nfrom = 2026-01-01\nto = 2026-01-02\nspeed = 3600\n{METERS}count = 10\n"
        f'profile = "office"\n'
        'interval = "15m"\nyearly_kwh = [1000, 2000]\ncounter = true\n'
        '[[faults]]\nkind = "gap"\nrate = "2%"\nmeters = "S-0*"\n'
    )
    words = " ".join(" ".join(describe_plan(plan_text(text, tmp_path))).split())
    assert "From 2026-01-01 to 2026-01-02, at 3,600 times real time; seed 7." in words
    assert "office, 1,000 to 2,000 kWh per year, one reading every 15m, with a register" in words
    assert "at 2 % of the readings of 9 meters (length 10, backfill no)" in words
    assert "10 meters on 1 node: 40 readings per hour of simulated time, about 960 in total." in words


def test_length_of_time_is_written_as_in_a_scenario() -> None:
    lengths = [timedelta(milliseconds=5), timedelta(seconds=90), timedelta(hours=1), timedelta(hours=25)]
    assert [to_str(each) for each in lengths] == ["5ms", "1m30s", "1h", "25h"]


def options(*arguments: str) -> SimulationPlan:
    return SensorNodeSettings(_cli_parse_args=list(arguments)).plan("S-1")


def test_options_say_when_time_begins() -> None:
    assert options().timeline == PlanTimeline()
    simulated = options("--from", "2026-01-01", "--to", "2026-03-31").timeline
    assert simulated == PlanTimeline(
        datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 3, 30, 22, tzinfo=UTC)
    )
    fast = options("--speed", "3600", "--time-zone", "UTC").timeline
    assert fast.begin == datetime(datetime.now(UTC).year, 1, 1, tzinfo=UTC)
    assert fast.speed == 3600


@pytest.mark.parametrize(
    ("line", "command", "options"),
    [
        ("", None, ""),
        ("--count 3 --seed 7", None, "--count 3 --seed 7"),
        ("run campus --seed 7", "run", "campus --seed 7"),
        ("--outbox /var --heartbeat=/tmp/x run campus", "run", "--outbox /var --heartbeat=/tmp/x campus"),
        ("--outbox /var check campus", "check", "campus"),
        ("--location run", None, "--location run"),
        ("campus run", None, "campus run"),
    ],
)
def test_command_is_found_behind_the_options_of_a_container(
    line: str, command: str | None, options: str
) -> None:
    assert find_command(line.split()) == (command, options.split())


def test_empty_argument_is_no_command() -> None:
    assert find_command(["--count", "5", ""]) == (None, ["--count", "5", ""])


def test_seed_can_be_another_one() -> None:
    own = read_scenario(find_scenario(Path("bad-day"))).seed
    assert (read_plan(Path("bad-day"), "run").seed, read_plan(Path("bad-day"), "run", 9).seed) == (own, 9)


async def rounds(found: AsyncIterator[Readout], most: int) -> list[Readout]:
    taken = []
    async for each in found:
        taken.append(each)
        if len(taken) == most:
            break
    return taken


async def test_simulated_time_reads_all_at_the_end_of_each_interval_until_its_end() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    course = PlanTimeline(begin, begin + timedelta(hours=1))
    pace = ReadingScheduler(course, asyncio.Event(), lambda: True)
    found = await rounds(simultaneous(1500, timedelta(minutes=15), begin, pace), 100)
    assert [each.moment for each in found] == [
        begin + timedelta(minutes=15) * number for number in (1, 1, 2, 2, 3, 3, 4, 4)
    ]
    assert [len(each.meters) for each in found[:2]] == [1000, 500]


async def test_simulated_time_waits_for_room_and_is_never_ahead_of_the_clock() -> None:
    begin, room = datetime.now(UTC), [False]
    stop = asyncio.Event()
    pace = ReadingScheduler(PlanTimeline(begin - timedelta(hours=1)), stop, lambda: room[0])
    waiting = asyncio.create_task(pace.wait_until(begin - timedelta(minutes=30)))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    room[0] = True
    assert await waiting
    ahead = asyncio.create_task(pace.wait_until(datetime.now(UTC) + timedelta(hours=1)))
    done, _ = await asyncio.wait({ahead}, timeout=0.2)
    assert not done
    stop.set()
    assert not await ahead


async def test_live_meters_are_read_in_turn() -> None:
    pace = ReadingScheduler(PlanTimeline(), asyncio.Event(), lambda: True)
    found = await rounds(staggered(3, timedelta(milliseconds=30), pace), 12)
    numbers = [number for each in found for number in each.meters]
    assert numbers == [number % 3 for number in range(len(numbers))]


def series(*at_s: int, name: str | None = None) -> RecordedSeries:
    return RecordedSeries(name, np.array(at_s, np.int64) * 1000, np.arange(1.0, len(at_s) + 1), {})


async def test_recordings_are_read_when_they_were() -> None:
    pace = ReadingScheduler(PlanTimeline(datetime.fromtimestamp(0, UTC)), asyncio.Event(), lambda: True)
    found = await rounds(as_recorded([series(10, 20, 40), series(15, 20)], pace), 100)
    told = [(each.moment.timestamp(), [*each.meters]) for each in found]
    assert told == [(10, [0]), (15, [1]), (20, [0, 1]), (40, [0])]


def test_replay_shifts_all_series_together_and_names_them() -> None:
    settings = ReplaySettings(_cli_parse_args=["x.csv", "--shift-to-now", "--sensor-id", "Old-7"])
    plan = replay_plan(settings, [series(100, 160), series(90, 95)], NOW)
    (group,) = plan.nodes[0].groups
    assert group.sensor_ids == ("Old-7", "Old-8")
    now_ms = int(NOW.timestamp() * 1000)
    assert [each.at_ms.tolist() for each in group.recordings] == [
        [now_ms + 10_000, now_ms + 70_000],
        [now_ms, now_ms + 5_000],
    ]
    named = replay_plan(ReplaySettings(_cli_parse_args=["x.csv"]), [series(1, name="A-1")], NOW)
    assert named.nodes[0].groups[0].sensor_ids == ("A-1",)
    with pytest.raises(PlanError, match="'A/1' is not a sensor id"):
        replay_plan(ReplaySettings(_cli_parse_args=["x.csv"]), [series(1, name="A/1")], NOW)


def test_same_seed_makes_the_same_readings_byte_for_byte() -> None:
    def readings(seed: int) -> list[bytes]:
        text = ["--from", "2026-01-01", "--profile", "household", "--interval", "15m", "--count", "3"]
        text += ["--counter", "--fault", "nan=5%", "--fault", "reorder=5%", "--fault", "clock-jump=1%,by=-1h"]
        plan = options(*text, "--seed", str(seed))
        begin = plan.timeline.begin
        assert begin is not None
        sequences = dict.fromkeys(plan.nodes[0].sensor_keys, first_sequence(begin))
        group = build_group(plan.nodes[0].groups[0], "lari", plan, begin, sequences)
        moments = [begin + timedelta(minutes=15) * number for number in range(1, 500)]
        return [
            made.payload
            for moment in moments
            for meter, supply in zip(group.meters, group.load_sources, strict=True)
            for made in meter.read(moment, supply(moment))
        ]

    first = readings(7)
    assert len(first) > 1400
    assert first == readings(7) != readings(8)
