"""A scenario, as ``sensor-node check`` and ``run`` read it; beside it lies ``recording.csv``.

It is rejected in one sentence; or it is said in words what it does, and its meters make readings that the
ground truth of a ledger can judge.
"""

import tempfile
import tomllib
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from broker.ledger import GroundTruth
from broker.program.escape import escape_text
from sensor_node.faults.oracle import MeterOutput, ground_truth
from sensor_node.meter.factory import build_group
from sensor_node.plan import PlanError, SimulationPlan
from sensor_node.scenarios.check import describe_plan
from sensor_node.scenarios.scenario import EXAMPLES, Scenario, read_scenario
from sensor_node.scenarios.scenario_plan import plan_scenario
from tests.fuzz.oracles import assert_is_sentence

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RECORDING = "recording.csv"
COLUMNS, MOST_SENTENCE = 80, 1000
# Of so many each; more would take too long.
METERS, READINGS = 3, 30
_NODE = b'name="Test"\n[[sites]]\nname="lari"\n[[sites.nodes]]\nsensor_id="S-01"\n'
_METERS = _NODE + b"[[sites.nodes.meters]]\n"
_FAULTS = (
    b'{kind="peak",rate="50%",factor=3.0},{kind="drift",at="+5s",length=4},{kind="stuck",rate=0.1},'
    b'{kind="gap",rate="9%",length=3,backfill=true},{kind="storm",at="+3s",copies=9},'
    b'{kind="clock-jump",rate=0.5,by="-1h",length=2},{kind="nan",rate=0.2},{kind="truncated",rate=0.2},'
    b'{kind="silence",rate=0.1},{kind="wrong-unit",rate=0.1},{kind="naive-time",at=2026-11-23T10:00:05Z}'
)
SEEDS = (
    *(file.read_bytes() for file in sorted(EXAMPLES.glob("*.toml"))),
    _METERS,
    _METERS + b'[[sites.nodes]]\nsensor_id="S-01"\nmeters=[{}]\n',
    _METERS + b'count=3\n[[sites.nodes]]\nsensor_id="S-02"\nmeters=[{}]\n',
    _METERS + b'count=2\nprofile="household"\nyearly_kwh=[3e2,9e8]\ninterval="24h"\ncounter=true\n',
    _METERS + b'profile="ev-charger"\nyearly_kwh=1e6\ninterval="1ms"\n',
    _METERS + b"faults=[" + _FAULTS + b"]\n",
    _METERS + b'counter={resolution_kwh=1,rollover_kwh=10}\nfaults=[{kind="counter-reset",rate=1}]\n',
    _METERS + b'[[faults]]\nkind="reboot"\nat="+5s"\naway="2s"\n[[faults]]\nkind="flapping"\nrate=0.1\n',
    _NODE + b'meters=[{replay={file="recording.csv",shift_to_now=true}}]\n',
    b'seed=3\nfrom=2026-01-01\nto="2026-01-02"\ntime_zone="Australia/Sydney"\nholidays="AU"\nspeed=60\n'
    + _METERS,
    b'from="2026-01-01"\nduration="5s"\n' + _METERS,
    _METERS + b"count=99999999\n",
    _METERS + b"count=true\n",
    _METERS + b'interval="-1s"\n',
    _METERS + b"yearly_kwh=nan\n",
    _METERS + b'faults=[{kind="clock-jump",rate=1,by="-9999999h"}]\n',
    _METERS + b'faults=[{kind="clock-jump",rate="50%",by="-4s",length=1}]\n',
    _METERS + b'faults=[{kind="peak",rate=1,factor=1e308}]\n',
    _METERS + b'faults=[{kind="clock-jump",at=9999-12-31T23:59:59Z,by="87600h"}]\n',
    _METERS.replace(b"S-01", b"S\\n01"),
    _METERS.replace(b'"S-01"', b'"' + b"S" * 64 + b'"') + b"count=9\n",
    _METERS.replace(b"Test", b"\\u202e\\u001b[2J"),
    _METERS.replace(b"Test", b"\xe6\x97\xa5" * 99),
    b"time_zone='../../../etc/passwd'\n" + _METERS,
    b"holidays='DE-XX'\n" + _METERS,
    b"from=9999-12-31\n" + _METERS,
    b"a=" + b"[" * 50_000,
    b"seed=" + b"9" * 5_000,
    b"\xff\xfe",
    b"",
)
TOKENS = tuple(
    b"[[sites]] [[sites.nodes]] [[sites.nodes.meters]] [[faults]] name= sensor_id= location= count= profile= "
    b"yearly_kwh= interval= counter= faults= replay= kind= rate= at= meters= factor= length= by= copies= "
    b'away= backfill= duration= from= to= speed= seed= time_zone= holidays= "1%" "+5s" "-1h" "24h" '
    b'"lari" "office" "peak" "gap" "reorder" "S-*" true nan inf 1e308 '
    b"9999-12-31T23:59:59Z \\u202e \xe6\x97\xa5".split()
)


def check(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / RECORDING).write_text("time,kwh\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,2\n")
        (folder / "scenario.toml").write_bytes(data)
        try:
            scenario = read_scenario(folder / "scenario.toml")
            if _reads_elsewhere(scenario):
                return
            plan = plan_scenario(scenario, folder, NOW)
        except PlanError as error:
            assert_is_sentence(escape_text(str(error).replace(name, "")), MOST_SENTENCE)
            return
    _check_is_what_is_said(plan, data)
    for line in describe_plan(plan):
        assert len(line) <= COLUMNS, line
        assert escape_text(line).isprintable()
    for node in plan.nodes:
        sequences = dict.fromkeys(node.sensor_keys, 1)
        for own in node.groups:
            if not own.recordings and len(own.sensor_ids) <= METERS:
                group = build_group(own, node.site, plan, NOW, sequences)
                for meter in group.meters:
                    moments = (NOW + number * own.interval for number in range(READINGS))
                    made = [each for moment in moments for each in meter.read(moment, 0.25)]
                    _check_readings([*made, *meter.flush()])


def _reads_elsewhere(scenario: Scenario) -> bool:
    """Whether it would open files that are none of ours."""
    tables = (table for site in scenario.sites for node in site.nodes for table in node.meters)
    return any(table.replay is not None and table.replay.file != Path(RECORDING) for table in tables)


def _check_is_what_is_said(plan: SimulationPlan, data: bytes) -> None:
    # Line ends are as Python reads them, those of old Macs too.
    said = tomllib.loads(data.decode().replace("\r\n", "\n").replace("\r", "\n"))
    assert plan.name == said["name"]
    places = [place for node in plan.nodes for place in node.sensor_keys]
    assert all(place.is_valid for place in places)
    assert len({place.name for place in places}) == len(places), "two meters have one name"
    tables = [table for site in said["sites"] for node in site["nodes"] for table in node["meters"]]
    assert len(places) == sum(table.get("count", 1) for table in tables)
    assert {place.site for place in places} == {site["name"] for site in said["sites"]}


def _check_readings(made: list[MeterOutput]) -> None:
    assert len({each.sequence for each in made}) == len({each.timestamp for each in made}) == len(made)
    for each in islice(made, READINGS):
        assert each.payload
        assert each.copies >= 1
        assert isinstance(ground_truth(each, NOW + timedelta(hours=1), 12.0), GroundTruth)
