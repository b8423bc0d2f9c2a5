"""What a ledger says, held against what is stored."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from broker.messages import Reading, ReadingRow
from broker.topics import SensorKey, Topics
from ingestor.documents import Measure, RejectedDocument, format_timestamp, to_measure
from monitor.verify.ledger_reader import LedgerFileError, RecordedAlerts, read_alerts, read_ledgers
from monitor.verify.rejections import RejectionCheck
from monitor.verify.verifier import Verdict, Verifier, verdict_lines
from sensor_node.outbox.ledger import open_ledger
from sensor_node.outbox.outbox import OutboxEntry

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PLACE = SensorKey("lari", "S-1")


def reading(number: int, value_kwh: float = 1.5) -> Reading:
    return Reading(
        sensor_id="S-1", value_kwh=value_kwh, timestamp=START + timedelta(seconds=number), sequence=number
    )


def measure(number: int, value_kwh: float = 1.5, *, alerted: bool = True, **other: Any) -> Measure:  # noqa: ANN401
    moment = (START + timedelta(seconds=number)).replace(tzinfo=None)
    threshold_kwh = 12.0 if value_kwh > 12.0 else None
    row: ReadingRow = {"sensor_id": "S-1", "value_kwh": value_kwh, "timestamp": 0.0}
    document = to_measure(row, PLACE, (moment, format_timestamp(moment)), threshold_kwh, moment)
    if threshold_kwh and alerted:
        document["alerted_at"] = moment
    document.update(other)  # type: ignore[typeddict-item]  # whatever a test breaks
    return document


def kept(number: int, value_kwh: float = 1.5) -> OutboxEntry:
    return OutboxEntry(PLACE, number, reading(number, value_kwh).model_dump_json().encode())


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    """Five readings, of which nobody said what must come of them; the node was told that three are stored."""
    path = tmp_path / "ledger.jsonl"
    async with open_ledger(path) as ledger:
        rows = [kept(number) for number in range(1, 5)]
        await ledger.attempts("invoke", rows)
        await ledger.attempts("invoke", [kept(5, 13.0)])
        await ledger.outcome("confirmed", PLACE, [(1, 3)])
        await ledger.mark_unknown(rows[3:])
    return path


ALL = [measure(number) for number in range(1, 5)] + [measure(5, 13.0)]


def rejection(number: int, kind: str = "invalid") -> RejectedDocument:
    return {
        "_id": ObjectId(),
        "topic": "energy/readings/lari/S-1",
        "payload": b"",
        "kind": kind,
        "reason": "",
        "received_at": (START + timedelta(seconds=number)).replace(tzinfo=None),
        "sequence": number,
    }


def judge(
    ledger: Path,
    stored: list[Measure],
    heard: RecordedAlerts | None = None,
    refused: Sequence[RejectedDocument] = (),
) -> Verdict:
    tries = read_ledgers([ledger])
    verifier = Verifier(tries, heard)
    for each in stored:
        verifier.check(each)
    refusals = RejectionCheck(tries, Topics())
    for document in refused:
        if document["topic"] in refusals.wanted:
            refusals.check(document)
    return verifier.conclude(refusals)


def listened(*alerts: str) -> RecordedAlerts:
    heard = RecordedAlerts()
    for each in alerts:
        heard[each, False] += 1
    return heard


def test_all_is_well(ledger: Path) -> None:
    verdict = judge(ledger, ALL)
    assert verdict.passed
    assert (verdict.attempted, verdict.confirmed, verdict.recovered, verdict.alerts) == (5, 3, 2, 1)
    assert verdict_lines(verdict)[-1] == "All is well."
    assert max(map(len, verdict_lines(verdict))) <= 80


@pytest.mark.parametrize(
    ("stored", "fault", "ids"),
    [
        (ALL[1:], "readings lost", ["S-1@2026-11-23T10:00:01.000Z"]),
        ([*ALL, measure(2, _id="S-1@another")], "readings duplicated", ["S-1@2026-11-23T10:00:02.000Z"]),
        ([*ALL, measure(9)], "readings unexpected", ["S-1@2026-11-23T10:00:09.000Z"]),
        ([*ALL[:4], measure(5, 13.0, alerted=False)], "alerts missing", ["S-1@2026-11-23T10:00:05.000Z"]),
    ],
)
def test_each_fault_is_named(ledger: Path, stored: list[Measure], fault: str, ids: list[str]) -> None:
    verdict = judge(ledger, stored)
    assert verdict.faults == {fault: ids}
    assert not verdict.passed
    assert f"{fault}:" in verdict_lines(verdict)
    assert verdict_lines(verdict)[-1] == "NOT WELL."


@pytest.mark.parametrize("other", [{"value_kwh": 1.6}, {"site": "annex"}])
def test_reading_stored_with_something_else_is_lost_and_unexpected(
    ledger: Path, other: dict[str, Any]
) -> None:
    verdict = judge(ledger, [measure(1, **other), *ALL[1:]])
    assert [*verdict.faults] == ["readings lost", "readings unexpected"]
    assert verdict.confirmed_but_lost == ["S-1@2026-11-23T10:00:01.000Z"]


def test_what_is_not_confirmed_may_still_be_on_its_way(ledger: Path) -> None:
    verdict = judge(ledger, ALL[:3])
    assert len(verdict.lost) == 2
    assert verdict.confirmed_but_lost == []
    assert verdict_lines(verdict)[-1].startswith("NOT WELL, or not yet")


def test_rejected_reading_is_not_lost(ledger: Path) -> None:
    verdict = judge(ledger, ALL[1:], refused=[rejection(1), rejection(9)])
    assert verdict.passed
    assert verdict.rejected == ["S-1@2026-11-23T10:00:01.000Z"]


def test_recorded_alerts_are_compared(ledger: Path) -> None:
    anomaly, normal, foreign = ALL[4]["_id"], ALL[0]["_id"], "Other@2026-11-23T10:00:05.000Z"
    verdict = judge(ledger, ALL, listened(anomaly, anomaly, foreign))
    assert verdict.passed
    assert (verdict.alerts_doubled, verdict.alerts_wrong) == ([anomaly], [])
    verdict = judge(ledger, ALL, listened(normal))
    assert verdict.faults == {"alerts missing": [anomaly], "alerts wrong": [normal]}


async def test_rejected_readings_are_not_well(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    async with open_ledger(path) as ledger:
        await ledger.attempts("refused", [kept(1)])
    verdict = judge(path, [])
    assert not verdict.passed
    assert "1 readings were not sent: the outbox of their node was full." in verdict_lines(verdict)


def test_range_wider_than_the_ledger_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    attempt = {"event": "invoke", "site": "lari", "reading": json.loads(reading(7).model_dump_json())}
    outcome = {"event": "confirmed", "site": "lari", "sensor_id": "S-1", "sequences": [[0, 2**62]]}
    path.write_text(f'{json.dumps(outcome)}\n{json.dumps(attempt)}\n{{"event": "inv')
    tries = read_ledgers([path])
    assert [each.reported for each in tries.by_identity.values()] == ["confirmed"]
    assert tries.torn == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read"), ("", "holds no reading"), ("{}\n", "holds no reading")],
)
def test_what_is_no_ledger_is_told(tmp_path: Path, content: str | None, sentence: str) -> None:
    path = tmp_path / "ledger.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LedgerFileError, match=sentence):
        read_ledgers([path])


def test_what_are_no_alerts_is_told(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    with pytest.raises(LedgerFileError, match="cannot be read"):
        read_alerts(path)
    path.write_text("no alert\n")
    with pytest.raises(LedgerFileError, match=r"line 1 of .* is not an alert"):
        read_alerts(path)
