"""``monitor verify`` as users run it: a node with a ledger, a real database, an exit status."""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.ledger import (
    AttemptEvent,
    ExpectedOutcome,
    GroundTruth,
    MalformedEntry,
    format_attempt,
    payload_digest,
)
from broker.messages import Reading
from stack.processes import Process
from stack.servers import Servers
from tests.programs import run_program
from tests.servers import RunningIngestor, Site, eventually

pytestmark = pytest.mark.integration


async def verify(servers: Servers, *arguments: str, stdin: bytes = b"") -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "verify", "--mongo-url", servers.mongo("viewer"), *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(stdin)
    return process.returncode, output.decode(), errors.decode()


async def test_ledger_of_a_node_is_held_against_the_database(
    servers: Servers, ingestor: RunningIngestor, place: Site, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    options = ["--sensor-id", f"{place.sensor}-01", "--count", "3", "--readings", "90", "--interval", "50ms"]
    node = Process(
        "node",
        [sys.executable, "-m", "sensor_node", "--ledger", str(ledger), *options, "--seed", "7"],
        {"ENERGY_MQTT_URL": servers.mqtt("sensors"), "ENERGY_SITE": place.site},
        tmp_path / "node.log",
    )
    await node.start()
    assert "status 0" in await node.wait_ended()
    await eventually(lambda: place.count(is_anomaly=True, alerted_at=None) == 0)
    status, output, _ = await verify(servers, str(ledger))
    assert (status, output.splitlines()[-1]) == (0, "All is well.")
    assert output.splitlines()[0].split()[:2] == ["attempted", "90"]
    assert (await verify(servers, "-", stdin=ledger.read_bytes()))[:2] == (0, output)

    place.database.measures.delete_one({"site": place.site})
    status, output, _ = await verify(servers, str(ledger))
    assert (status, output.splitlines()[-1]) == (1, "NOT WELL.")
    assert "1 of them were confirmed" in output
    assert "expected \\ actual" in output


class Script:
    """What a node with faults would send, and the ledger that it would write."""

    def __init__(self, place: Site) -> None:
        self.place = place
        self.lines: list[bytes] = []
        self._now = datetime.now(UTC)
        self._sequence = 0

    def reading(self, value_kwh: float, by: timedelta = timedelta(0)) -> Reading:
        self._sequence += 1
        self._now += timedelta(milliseconds=1)
        return Reading(
            sensor_id=self.place.sensor,
            value_kwh=value_kwh,
            timestamp=self._now + by,
            sequence=self._sequence,
        )

    async def send(self, reading: Reading, must: ExpectedOutcome, *faults: str) -> None:
        payload = reading.model_dump_json().encode()
        event: AttemptEvent = "withheld" if must.fate == "absent" else "invoke"
        self.lines.append(
            format_attempt(event, self.place.site, payload, GroundTruth(faults=faults, must=must))
        )
        if event == "invoke":
            await self.place.publish(*[payload] * must.copies)

    async def send_spoiled(self, payload: bytes, kind: str, fault: str) -> None:
        entry = MalformedEntry(
            event="malformed", site=self.place.site, sensor_id=self.place.sensor, at=datetime.now(UTC),
            digest=payload_digest(payload), faults=(fault,), must=ExpectedOutcome(fate="rejected", kind=kind),
        )  # fmt: skip
        self.lines.append(entry.model_dump_json().encode() + b"\n")
        await self.place.publish(payload)


async def play(place: Site) -> list[bytes]:
    """Send readings with one fault each, wait until all is there, and give back the ledger."""
    script, stored = Script(place), ExpectedOutcome(fate="stored", late=False)
    flagged = ExpectedOutcome(fate="stored", flagged=True, late=False)
    await script.send(script.reading(1.5), stored)
    await script.send(script.reading(15.0), flagged, "peak")
    await script.send(script.reading(1.5), ExpectedOutcome(fate="stored", late=False, copies=3), "duplicate")
    ahead = ExpectedOutcome(fate="rejected", kind="time")
    await script.send(script.reading(1.5, timedelta(hours=1)), ahead, "clock-jump")
    await script.send(
        script.reading(1.5, timedelta(hours=-1)), ExpectedOutcome(fate="stored", late=True), "clock-jump"
    )
    await script.send(script.reading(1.5), ExpectedOutcome(fate="absent"), "gap")
    for _ in range(2):
        nan = script.reading(1.5).model_dump_json().encode().replace(b"1.5", b"NaN")
        await script.send_spoiled(nan, "invalid", "nan")
    await script.send_spoiled(b'{"sensor_id":', "not_json", "truncated")
    await script.send(script.reading(15.0), flagged, "peak")
    await place.until_count(5)
    await place.until_rejected(4)
    await eventually(lambda: place.count(is_anomaly=True, alerted_at=None) == 0)
    await eventually(lambda: place.database.alarms.count_documents({"site": place.site}) == 4)
    return script.lines


Change = Callable[[Any, str], object]
BY_SITE: dict[str, Change] = {
    "readings lost": lambda database, site: database.measures.delete_one({"site": site}),
    "readings flagged, but not above their threshold": lambda database, site: database.measures.update_one(
        {"site": site, "is_anomaly": False}, {"$set": {"is_anomaly": True, "alerted_at": datetime.now(UTC)}}
    ),
    "readings above their threshold, but not flagged": lambda database, site: database.measures.update_one(
        {"site": site, "is_anomaly": True}, {"$set": {"is_anomaly": False}}
    ),
    "readings not marked late, but older than ten minutes on arrival": lambda database, site: (
        database.measures.update_many({"site": site}, [{"$set": {"received_at": "$timestamp"}}])
    ),
    "rejected for the wrong reason": lambda database, site: database.rejected.update_one(
        {"topic": {"$regex": f"/{site}/"}, "kind": "invalid"}, {"$set": {"kind": "topic"}}
    ),
    "malformed payloads lost": lambda database, site: database.rejected.delete_one(
        {"topic": {"$regex": f"/{site}/"}, "kind": "not_json"}
    ),
    "alarms missing": lambda database, site: database.alarms.delete_one(
        {"site": site, "rule": "overconsumption"}
    ),
    "alarms false": lambda database, site: database.alarms.update_one(
        {"site": site, "rule": "overconsumption"}, [{"$set": {"since": {"$add": ["$since", 1]}}}]
    ),
    "alarms not cleared when they had to be": lambda database, site: database.alarms.update_one(
        {"site": site, "rule": "overconsumption", "cleared_at": {"$ne": None}}, {"$set": {"cleared_at": None}}
    ),
}


async def test_whole_chain_is_held_against_what_had_to_be(
    servers: Servers, ingestor: RunningIngestor, place: Site, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_bytes(b"".join(await play(place)))
    status, output, _ = await verify(servers, str(ledger))
    assert (status, output.splitlines()[-1]) == (0, "All is well."), output
    tables = [line.split() for line in output.splitlines()]
    assert ["overconsumption", "2", "✓", "1", "✓", ".", ".", "."] in tables
    assert ["clock", "1", "✓", ".", ".", ".", "."] in tables
    assert ["rejecting", "1", "✓", ".", ".", ".", "."] in tables
    assert ["duplicate", "1", "1", "✓", ".", "normal"] in tables

    kept = {name: list(place.database[name].find()) for name in ("measures", "rejected", "alarms")}
    await ingestor.stop()
    for description, change in BY_SITE.items():
        change(place.database, place.site)
        status, output, _ = await verify(servers, str(ledger))
        assert (status, output.splitlines()[-1][:8]) == (1, "NOT WELL"), output
        assert f"{description}:" in output.splitlines()
        for name, documents in kept.items():
            ours = {"topic": {"$regex": f"/{place.site}/"}} if name == "rejected" else {"site": place.site}
            place.database[name].delete_many(ours)
            place.database[name].insert_many(
                each for each in documents if place.site in (each.get("site") or each["topic"]).split("/")
            )
    place.database.alarms.delete_many({"site": place.site})
    status, output, _ = await verify(servers, str(ledger), "--no-alarms")
    assert (status, output.splitlines()[-1]) == (0, "All is well.")
    assert "Alarms are not checked." in output.splitlines()


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ([], 2, "monitor verify: the following arguments are required: FILES; `monitor verify --help`"),
        (["/none"], 1, "monitor: the ledger /none cannot be read (No such file or directory)"),
        (["/dev/null"], 1, "monitor: the ledger /dev/null holds no reading"),
    ],
)
def test_mistake_is_told_in_one_sentence(
    servers: Servers, arguments: list[str], status: int, sentence: str
) -> None:
    ended = run_program("monitor", "verify", "--mongo-url", servers.mongo("viewer"), *arguments)
    assert (ended.status, ended.output) == (status, "")
    assert ended.errors.startswith(sentence)
    assert ended.errors.count("\n") == 1


def test_missing_database_is_told_in_one_sentence(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    reading = '{"sensor_id":"S","value_kwh":1,"timestamp":"2026-11-23T10:00:00Z","sequence":1}'
    ledger.write_text(f'{{"event":"invoke","site":"lari","reading":{reading}}}\n')
    nobody = "mongodb://127.0.0.1:1/energy_db"
    ended = run_program("monitor", "verify", str(ledger), "--mongo-url", nobody)
    assert ended.status == 1
    assert ended.errors.startswith("monitor: MongoDB does not answer (127.0.0.1:1: ")
    assert ended.errors.count("\n") == 1
