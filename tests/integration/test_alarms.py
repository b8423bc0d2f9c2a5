"""Alarms as people see them: on the broker, in the database, with a real ingestor."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from ingestor.alarms.records import AlarmRecords
from ingestor.documents import format_timestamp, utc_now
from ingestor.store.reading_store import open_store
from stack.processes import Process
from stack.servers import Servers
from tests.conftest import StartIngestor
from tests.fault_points.ingestor import MAX_REJECTIONS
from tests.listener import Listener, write
from tests.readings import moment, payload
from tests.servers import RunningIngestor, Site, Wire, eventually

pytestmark = pytest.mark.integration

STATUS = "energy/status/{}/{}"


async def test_alarm_is_raised_cleared_and_raised_again(
    ingestor: RunningIngestor, place: Site, alarms: Listener, servers: Servers
) -> None:
    first = moment(30)
    await place.publish(payload(place.sensor, 12.0, ago_s=31), payload(place.sensor, 12.24, timestamp=first))
    alarm = (await alarms.until("overconsumption"))["overconsumption"]
    assert alarm == {
        "id": f"{place.sensor}@overconsumption@{first}",
        "rule": "overconsumption",
        "severity": "major",
        "state": "active",
        "acknowledged": False,
        "since": first,
        "message": "12.24 kWh, above the threshold of 12.0 kWh",
    }
    await place.publish(payload(place.sensor, 13.5, ago_s=29), payload(place.sensor, 12.0, ago_s=28))
    await alarms.until()
    assert [len(each["alarms"]) for each in alarms.states] == [1, 0]
    await place.publish(payload(place.sensor, 14.0, ago_s=27))
    await alarms.until("overconsumption")
    old, new = alarms.episodes()
    assert (old["peak_kwh"], old["limit_kwh"], old["cleared_at"] > old["since"]) == (13.5, 12.0, True)
    assert (new["cleared_at"], new["peak_kwh"]) == (None, 14.0)
    async with Wire(servers.mqtt("viewer")) as later:
        await later.listen(f"energy/alarms/{place.site}/+")
        await eventually(lambda: len(later.messages) == 1)
        assert later.messages[0].retain
        assert [each["id"] for each in json.loads(later.messages[0].payload)["alarms"]] == [new["_id"]]


async def test_reading_that_comes_late_or_twice_or_out_of_order_changes_only_what_was(
    ingestor: RunningIngestor, place: Site, alarms: Listener
) -> None:
    high = payload(place.sensor, 13.0, ago_s=20)
    await place.publish(high, payload(place.sensor, 5.0, ago_s=10))
    await alarms.until()
    await place.publish(high, payload(place.sensor, 99.0, ago_s=700))
    await place.publish(payload(place.sensor, 15.0, ago_s=15), payload(place.sensor, 4.0, ago_s=17))
    await eventually(lambda: len(alarms.episodes()) == 2)
    assert [each["peak_kwh"] for each in alarms.episodes()] == [13.0, 15.0]
    assert all(each["cleared_at"] for each in alarms.episodes())
    await alarms.until()


async def test_alarm_is_acknowledged_by_somebody(
    ingestor: RunningIngestor, place: Site, alarms: Listener
) -> None:
    await place.publish(payload(place.sensor, 13.0))
    alarm = (await alarms.until("overconsumption"))["overconsumption"]
    await alarms.command(acknowledge=alarm["id"], user="maria")
    await eventually(lambda: alarms.standing["overconsumption"]["acknowledged"])
    assert alarms.standing["overconsumption"]["acknowledged_by"] == "maria"
    (episode,) = alarms.episodes()
    assert episode["acknowledged_by"] == "maria"
    assert episode["acknowledged_at"] is not None


async def test_alarm_that_waits_stands_until_it_is_over_and_seen(
    start_ingestor: StartIngestor, place: Site, alarms: Listener, rules: Path
) -> None:
    write(rules, "[rules.overconsumption]\nwait_for_acknowledgement = true\n")
    async with start_ingestor("--alarms", str(rules)) as ingestor:
        await place.publish(payload(place.sensor, 13.0, ago_s=9), payload(place.sensor, 1.0, ago_s=8))
        await eventually(lambda: [each["state"] for each in alarms.standing.values()] == ["cleared"])
        await ingestor.kill()
        await ingestor.start()
        alarm = (await alarms.until("overconsumption"))["overconsumption"]
        await alarms.command(acknowledge=alarm["id"])
        await alarms.until()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("no", "a command is "),
        ('{"acknowledge": "x", "delete": "everything"}', "a command is "),
        ('{"acknowledge": "nothing@like@that"}', "no sensor {sensor} of site {site} is known"),
        ('{"shelve": "everything", "minutes": 5}', "there is no such rule; there are overconsumption, "),
        ('{"shelve": "silent", "minutes": -5}', "minutes: should be greater than or equal to 0, not -5"),
    ],
)
async def test_command_that_cannot_be_obeyed_is_answered_and_kept(
    ingestor: RunningIngestor, place: Site, alarms: Listener, command: str, reason: str
) -> None:
    await alarms.operator.publish(f"energy/commands/{place.site}/{place.sensor}", command)
    await eventually(lambda: bool(alarms.viewer.on("energy/rejected/")))
    answer = json.loads(alarms.viewer.on("energy/rejected/")[0].payload)
    assert answer["kind"] == "command"
    assert answer["reason"].startswith(reason.format(sensor=place.sensor, site=place.site))
    assert [each["payload"] for each in place.rejected()] == [command.encode()]
    books = await ingestor.books()
    assert books["received"] == books["rejected"] == 1
    assert not alarms.standing


async def test_shelved_rule_is_marked_and_comes_back_by_itself(
    ingestor: RunningIngestor, place: Site, alarms: Listener
) -> None:
    await place.publish(payload(place.sensor, 13.0))
    await alarms.until("overconsumption")
    await alarms.command(shelve="overconsumption", minutes=60, user="omar")
    await eventually(lambda: "shelved_until" in alarms.standing["overconsumption"])
    await ingestor.kill()
    count = len(alarms.states)
    await ingestor.start()
    await eventually(lambda: len(alarms.states) > count)
    assert "shelved_until" in alarms.standing["overconsumption"]
    await alarms.command(shelve="overconsumption", minutes=0)
    await eventually(lambda: "shelved_until" not in alarms.standing["overconsumption"])


async def test_sensor_that_says_nothing_is_silent_until_it_speaks(
    ingestor: RunningIngestor, place: Site, alarms: Listener
) -> None:
    begin = utc_now() - timedelta(seconds=1)
    for number in range(1, 9):
        last = format_timestamp(begin + number * timedelta(milliseconds=100))
        await place.publish(payload(place.sensor, 1.0, timestamp=last))
        # Of readings that arrive together, an interval is learned from the last one only.
        await place.until_count(number)
    alarm = (await alarms.until("silent"))["silent"]
    assert alarm["id"] == f"{place.sensor}@silent@{last}"
    assert alarm["message"].startswith("no reading for more than 5 s, since ")
    await place.publish(payload(place.sensor, 1.0))
    await alarms.until()


async def test_node_that_is_gone_is_offline_and_its_sensors_are_not_silent_besides(
    start_ingestor: StartIngestor, place: Site, sensors: Wire, alarms: Listener, rules: Path
) -> None:
    write(rules, '[rules.silent]\ninterval = "200ms"\nat_least = "0s"\n[rules.offline]\nafter = "2s"\n')
    status = STATUS.format(place.site, place.sensor)
    async with start_ingestor("--alarms", str(rules)):
        await sensors.publish(status, '{"state": "online", "sensors": 5}', retain=True)
        await place.publish(payload(place.sensor, 1.0))
        await place.until_stored(1)
        await sensors.publish(status, '{"state": "offline"}', retain=True)
        alarm = (await alarms.until("offline"))["offline"]
        assert alarm["message"] == "the node is offline, and with it 4 more sensors"
        await asyncio.sleep(1.5)  # silent for seven intervals
        assert [{each["rule"] for each in state["alarms"]} for state in alarms.states] == [{"offline"}]
        await sensors.publish(status, '{"state": "online", "sensors": 5}', retain=True)
        await alarms.until()
        await sensors.publish(status, b"", retain=True)


async def test_node_that_is_back_at_once_was_never_gone(
    ingestor: RunningIngestor, place: Site, sensors: Wire, alarms: Listener
) -> None:
    status = STATUS.format(place.site, place.sensor)
    await sensors.publish(status, '{"state": "offline"}')
    await sensors.publish(status, '{"state": "online"}')
    await asyncio.sleep(6.5)  # a node is offline after 5 s
    assert not alarms.episodes()


async def test_wrong_clock_and_rejected_payloads_are_alarms(
    start_ingestor: StartIngestor, place: Site, alarms: Listener, rules: Path
) -> None:
    write(rules, '[rules.clock]\nquiet = "2s"\n[rules.rejecting]\nquiet = "2s"\n')
    async with start_ingestor("--alarms", str(rules)):
        await place.publish(payload(place.sensor, 1.0, timestamp="1970-01-01T00:00:05Z"), "no", "no")
        alarm = (await alarms.until("clock"))["clock"]
        assert alarm["message"].startswith("a payload was rejected: timestamp is before the year 2000")
        await place.publish("no")
        alarm = (await alarms.until("clock", "rejecting"))["rejecting"]
        assert alarm["message"].startswith("3 payloads were rejected: not JSON")
        await alarms.until()


async def test_rejections_count_as_long_as_the_sensors_own_rule_says_also_over_a_restart(
    start_ingestor: StartIngestor, place: Site, alarms: Listener, rules: Path
) -> None:
    write(rules, f'[sensors."{place.sensor}".rejecting]\npayloads = 2\nquiet = "1h"\n')
    async with start_ingestor("--alarms", str(rules)) as ingestor:
        await place.publish("no")
        await place.until_rejected(1)
        await ingestor.kill()
        longer_ago = {"$set": {"received_at": place.rejected()[0]["received_at"] - timedelta(minutes=10)}}
        place.database.rejected.update_one({"_id": place.rejected()[0]["_id"]}, longer_ago)
        await ingestor.start()
        await place.publish("no")
        alarm = (await alarms.until("rejecting"))["rejecting"]
        assert alarm["message"].startswith("2 payloads were rejected: not JSON")


async def test_the_newest_rejections_are_taken_up_when_there_are_very_many(
    start_ingestor: StartIngestor, servers: Servers, place: Site
) -> None:
    async with start_ingestor():
        for bad in ("no", "{}", "[]"):
            before = len(place.rejected())
            await place.publish(bad)
            await place.until_rejected(before + 1)
    reasons = [each["reason"] for each in sorted(place.rejected(), key=lambda each: each["received_at"])]
    async with open_store(servers.mongo("ingestor")) as store:
        kept_of_alarms = AlarmRecords(store, "somebody", [place.site])
        with MAX_REJECTIONS.replace(2):
            found = await kept_of_alarms.rejected_since(utc_now() - timedelta(minutes=1))
    assert len(set(reasons)) == 3
    assert [reason for _, _, reason, _ in found] == reasons[1:]


async def test_storm_is_told_once_and_kept_whole(
    start_ingestor: StartIngestor, place: Site, sensors: Wire, alarms: Listener, rules: Path
) -> None:
    write(rules, "[storm]\nalarms_per_minute = 5\n")
    await alarms.viewer.listen(f"energy/alarms/{place.site}")
    async with start_ingestor("--alarms", str(rules)):
        for number in range(30):
            name = f"{place.sensor}-{number:02}"
            await sensors.publish(f"energy/readings/{place.site}/{name}", payload(name, 13.0))
        await eventually(lambda: len(alarms.episodes()) == 30)
        await asyncio.sleep(0.5)  # for what must not be told
        told = alarms.viewer.on(f"energy/alarms/{place.site}/")
        assert len(told) == 5
        (summary,) = [each for each in alarms.viewer.messages if each.topic == f"energy/alarms/{place.site}"]
        assert json.loads(summary.payload).items() >= {"storm": True, "started": 6}.items()
        # What was told is told to its end, so that nothing stands that is over; the rest stays unsaid.
        first = f"{place.sensor}-00"
        wrong = payload(first, 1.0, timestamp="1970-01-01T00:00:05Z")
        await sensors.publish(f"energy/readings/{place.site}/{first}", wrong)
        await eventually(lambda: len(alarms.episodes()) == 31)
        for name in (f"{place.sensor}-29", first):
            await sensors.publish(f"energy/readings/{place.site}/{name}", payload(name, 5.0, ago_s=-1))
        await eventually(lambda: sum(each["cleared_at"] is not None for each in alarms.episodes()) == 2)
        await asyncio.sleep(0.5)  # for what must not be told
        (end,) = alarms.viewer.on(f"energy/alarms/{place.site}/")[5:]
        assert json.loads(end.payload).items() >= {"sensor_id": first, "alarms": []}.items()
    assert sum(each["in_storm"] for each in alarms.episodes()) == 26


async def test_rules_are_taken_over_while_it_runs_and_a_wrong_file_changes_nothing(
    start_ingestor: StartIngestor, place: Site, alarms: Listener, rules: Path
) -> None:
    write(rules, "")
    async with start_ingestor("--alarms", str(rules)) as ingestor:
        write(rules, f"[sites.{place.site}]\noverconsumption.threshold_kwh = -1\n")
        sentence = f"{rules}: sites.{place.site}.overconsumption.threshold_kwh: "
        await eventually(lambda: f"{sentence}" in ingestor.log.read_text())
        assert "the rules stay as they were" in ingestor.log.read_text()
        write(rules, f"[sites.{place.site}]\noverconsumption.threshold_kwh = 3.0\n")
        await eventually(lambda: "the new rules count" in ingestor.log.read_text())
        await place.publish(payload(place.sensor, 3.5))
        alarm = (await alarms.until("overconsumption"))["overconsumption"]
        assert alarm["message"] == "3.5 kWh, above the threshold of 3.0 kWh"
        write(rules, "[rules.overconsumption]\nenabled = false\n")
        await alarms.until()


async def test_alarm_that_was_not_judged_when_the_ingestor_died_is_raised_at_its_next_start(
    start_ingestor: StartIngestor, place: Site, alarms: Listener
) -> None:
    """What is stored but was never judged is found in `measures`."""
    async with start_ingestor() as ingestor:
        await place.publish(payload(place.sensor, 1.0, ago_s=60))
        await place.until_stored(1)
        await ingestor.kill()
        at = moment(1)
        measure = place.stored()[0] | {
            "_id": f"{place.sensor}@{at}",
            "value_kwh": 13.0,
            "is_anomaly": True,
            "threshold_kwh": 12.0,
        }
        stored = place.stored()[0]["received_at"]
        moved = measure["timestamp"].fromisoformat(at).replace(tzinfo=None)
        place.database.measures.insert_one(
            measure | {"timestamp": moved, "received_at": stored, "alerted_at": stored}
        )
        await ingestor.start()
        alarm = (await alarms.until("overconsumption"))["overconsumption"]
        assert alarm["since"] == at


async def test_what_other_sites_rejected_is_left_to_their_ingestors(
    start_ingestor: StartIngestor, place: Site, alarms: Listener
) -> None:
    """At a start, the rejections of the last minute are counted again."""
    refused = {"payload": b"no", "kind": "not_json", "reason": "not JSON", "received_at": utc_now()}
    for whose in (f"elsewhere/{place.sensor}-too", f"{place.site}/{place.sensor}"):
        topic = f"energy/readings/{whose}"
        place.database.rejected.insert_many([{**refused, "topic": topic} for _ in range(3)])
    async with start_ingestor():
        await alarms.until("rejecting")
        assert place.database.alarms.count_documents({"site": "elsewhere"}) == 0


async def test_rule_that_is_new_in_the_registry_works_from_the_file_to_the_broker(
    servers: Servers, place: Site, alarms: Listener, rules: Path, tmp_path: Path
) -> None:
    write(rules, "[rules.idle]\nlimit_kwh = 0.5\n")
    log, options = tmp_path / "ingestor.log", ("--alarms", str(rules))
    one = RunningIngestor(servers, place.site, log, options, ("tests.toy_rule.build", "ingestor"))
    # Not forked from one that has loaded the registry as it is.
    one.process = Process("ingestor", one.process.command, one.process.environment, log)
    try:
        await one.start()
        await place.publish(payload(place.sensor, 5.0, ago_s=90), payload(place.sensor, 0.25, ago_s=30))
        alarm = (await alarms.until("idle"))["idle"]
        assert (alarm["severity"], alarm["message"]) == ("major", "0.25 kWh, below 0.5 kWh")
        # One out of order, from before that: its episode began earlier.
        await place.publish(payload(place.sensor, 0.1, ago_s=60))
        await eventually(lambda: alarms.standing["idle"]["since"] < alarm["since"])
        await one.kill()
        await one.start()
        await place.publish(payload(place.sensor, 5.0))
        await alarms.until()
        (episode,) = alarms.episodes()
        assert (episode["peak_kwh"], episode["limit_kwh"]) == (0.25, 0.5)
    finally:
        await one.stop()
    assert "Traceback" not in log.read_text()
