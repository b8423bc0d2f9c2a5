"""The ingestor dies again and again on the way of an alarm: every episode is kept and told, under one id."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from stack.servers import Servers
from tests.chaos.rig import wait_for
from tests.readings import reading
from tests.servers import RunningIngestor, Wire, eventually

pytestmark = pytest.mark.chaos


@dataclass(slots=True)
class Witness:
    """Who publishes readings and hears alarms.

    Attributes:
        expected: The ids of all episodes there must be, by the readings that were published.
    """

    sensors: Wire
    viewer: Wire
    site: str
    expected: set[str] = field(default_factory=set)

    async def exceed(self, number: int) -> None:
        """Make one more episode: one that goes on, or one that is over at once."""
        sensor = f"{self.site}-{number}"
        high, low = reading(sensor, 13.0, ago_s=2), reading(sensor, 5.0, ago_s=1)
        self.expected.add(f"{sensor}@overconsumption@{high['timestamp']}")
        rows = [high, low] if number % 2 else [high]
        await self.sensors.publish(f"energy/readings/{self.site}/{sensor}", json.dumps(rows))

    @property
    def told(self) -> set[str]:
        states = [json.loads(each.payload) for each in self.viewer.on("energy/alarms/")]
        return {alarm["id"] for state in states for alarm in state.get("alarms", [])}


def build(mutant: str | None, *crash: str) -> tuple[str, ...]:
    options = ["--mutant", mutant] if mutant else []
    return ("tests.chaos.build", "ingestor", *options, *crash, "--")


@pytest.fixture
async def witness(servers: Servers, sensors: Wire, viewer: Wire, site: str) -> Witness:
    return Witness(sensors, viewer, site)


async def die_again_and_again(
    witness: Witness, servers: Servers, folder: Path, point: str, kills: int, mutant: str | None = None
) -> RunningIngestor:
    """Kill the ingestor so often at one point, each time on the way of one alarm."""
    now = folder / "now"
    rules = folder / "alarms.toml"
    await asyncio.to_thread(rules.write_text, "[storm]\nalarms_per_minute = 1000\n")
    crash = build(mutant, "--crash", f"{point}:@{now}")
    ingestor = RunningIngestor(servers, witness.site, folder / "log", ("--alarms", str(rules)), crash)
    for number in range(kills):
        await ingestor.start()
        await asyncio.sleep(0.3)  # it tells again what it was killed over
        await asyncio.to_thread(now.touch)
        await witness.exceed(number)
        assert await wait_for(ingestor.process, 20), "it did not come to that point"
        await asyncio.to_thread(now.unlink)
    ingestor.become(*build(mutant))
    await ingestor.start()
    return ingestor


def kept(database: Database[dict[str, Any]], site: str) -> set[str]:
    return {each["_id"] for each in database.alarms.find({"site": site, "retracted_at": None})}


@pytest.mark.parametrize(
    ("point", "kills"),
    [
        ("alarms-written-but-not-told", 10),
        pytest.param("alarms-written-but-not-told", 50, marks=pytest.mark.long),
        ("before-alarms-are-written", 5),
        ("before-puback", 5),
    ],
)
async def test_every_alarm_is_kept_once_and_told(
    witness: Witness,
    servers: Servers,
    database: Database[dict[str, Any]],
    tmp_path: Path,
    point: str,
    kills: int,
) -> None:
    ingestor = await die_again_and_again(witness, servers, tmp_path, point, kills)
    try:
        await eventually(lambda: witness.told >= witness.expected)
        assert witness.told == witness.expected
        assert len(witness.expected) == kills
        assert kept(database, witness.site) == witness.expected
    finally:
        assert await ingestor.stop() == 0
        assert "Traceback" not in ingestor.log.read_text()


@pytest.mark.mutant
@pytest.mark.parametrize(
    ("mutant", "point"),
    [
        ("alarms-not-told-again", "alarms-written-but-not-told"),
        ("alarms-not-judged-again", "before-alarms-are-written"),
    ],
)
async def test_fault_is_found(
    witness: Witness, servers: Servers, tmp_path: Path, mutant: str, point: str
) -> None:
    ingestor = await die_again_and_again(witness, servers, tmp_path, point, 2, mutant)
    try:
        await asyncio.sleep(3)  # for what must not be told
        assert witness.expected - witness.told
    finally:
        await ingestor.stop()
