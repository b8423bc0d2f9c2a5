"""What a ledger says, held against what is stored."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.messages import Reading, Row
from broker.topics import Place
from ingestor.documents import Measure, format_moment, to_measure
from monitor.ledgers import LedgerError, Tries, read_ledgers
from monitor.verdict import Verdict, Verifier, read_alerts, to_lines
from sensor_node.ledger import open_ledger

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PLACE = Place("lari", "S-1")


def reading(number: int, value_kwh: float = 1.5) -> Reading:
    return Reading(
        sensor_id="S-1", value_kwh=value_kwh, timestamp=START + timedelta(seconds=number), sequence=number
    )


def measure(number: int, value_kwh: float = 1.5, *, alerted: bool = True, **other: Any) -> Measure:  # noqa: ANN401
    moment = (START + timedelta(seconds=number)).replace(tzinfo=None)
    threshold_kwh = 12.0 if value_kwh > 12.0 else None
    row: Row = {"sensor_id": "S-1", "value_kwh": value_kwh, "timestamp": 0.0}
    document = to_measure(row, PLACE, (moment, format_moment(moment)), threshold_kwh, moment)
    if threshold_kwh and alerted:
        document["alerted_at"] = moment
    document.update(other)  # type: ignore[typeddict-item]  # whatever a test breaks
    return document


@pytest.fixture
async def tries(tmp_path: Path) -> Tries:
    """Five readings; the node was told that the first three are stored."""
    path = tmp_path / "ledger.jsonl"
    async with open_ledger(path) as ledger:
        rows = [(PLACE, number, reading(number).model_dump_json().encode()) for number in range(1, 5)]
        await ledger.invoke(rows)
        await ledger.invoke([(PLACE, 5, reading(5, 13.0).model_dump_json().encode())])
        await ledger.known("confirmed", PLACE, [(1, 3)])
        await ledger.end(rows[3:])
    return read_ledgers([path])


ALL = [measure(number) for number in range(1, 5)] + [measure(5, 13.0)]


def judge(tries: Tries, stored: list[Measure], heard: Counter[str] | None = None) -> Verdict:
    verifier = Verifier(tries, heard)
    for each in stored:
        verifier.see(each)
    return verifier.conclude([])


def test_all_is_well(tries: Tries) -> None:
    verdict = judge(tries, ALL)
    assert verdict.is_well
    assert (verdict.attempted, verdict.confirmed, verdict.recovered, verdict.alerts) == (5, 3, 2, 1)
    assert to_lines(verdict)[-1] == "All is well."
    assert max(map(len, to_lines(verdict))) <= 80


@pytest.mark.parametrize(
    ("stored", "fault", "ids"),
    [
        (ALL[1:], "readings lost", ["S-1@2026-11-23T10:00:01.000Z"]),
        ([*ALL, measure(2, _id="S-1@another")], "readings duplicated", ["S-1@2026-11-23T10:00:02.000Z"]),
        ([*ALL, measure(9)], "readings unexpected", ["S-1@2026-11-23T10:00:09.000Z"]),
        ([*ALL[:4], measure(5, 13.0, alerted=False)], "alerts missing", ["S-1@2026-11-23T10:00:05.000Z"]),
    ],
)
def test_each_fault_is_named(tries: Tries, stored: list[Measure], fault: str, ids: list[str]) -> None:
    verdict = judge(tries, stored)
    assert verdict.faults == {fault: ids}
    assert not verdict.is_well
    assert f"{fault}:" in to_lines(verdict)
    assert to_lines(verdict)[-1] == "NOT WELL."


@pytest.mark.parametrize("other", [{"value_kwh": 1.6}, {"site": "annex"}])
def test_reading_stored_with_something_else_is_lost_and_unexpected(
    tries: Tries, other: dict[str, Any]
) -> None:
    verdict = judge(tries, [measure(1, **other), *ALL[1:]])
    assert [*verdict.faults] == ["readings lost", "readings unexpected"]
    assert verdict.confirmed_but_lost == ["S-1@2026-11-23T10:00:01.000Z"]


def test_what_is_not_confirmed_may_still_be_on_its_way(tries: Tries) -> None:
    verdict = judge(tries, ALL[:3])
    assert len(verdict.lost) == 2
    assert verdict.confirmed_but_lost == []
    assert to_lines(verdict)[-1].startswith("NOT WELL, or not yet")


def test_rejected_reading_is_not_lost(tries: Tries) -> None:
    verifier = Verifier(tries, None)
    for each in ALL[1:]:
        verifier.see(each)
    verdict = verifier.conclude(verifier.missing())
    assert verdict.is_well
    assert verdict.rejected == ["S-1@2026-11-23T10:00:01.000Z"]


def test_recorded_alerts_are_compared(tries: Tries) -> None:
    anomaly, normal, foreign = ALL[4]["_id"], ALL[0]["_id"], "Other@2026-11-23T10:00:05.000Z"
    verdict = judge(tries, ALL, Counter({anomaly: 2, foreign: 1}))
    assert verdict.is_well
    assert (verdict.alerts_doubled, verdict.alerts_wrong) == ([anomaly], [])
    verdict = judge(tries, ALL, Counter({normal: 1}))
    assert verdict.faults == {"alerts missing": [anomaly], "alerts wrong": [normal]}


async def test_refused_readings_are_not_well(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    async with open_ledger(path) as ledger:
        await ledger.refused([(PLACE, 1, reading(1).model_dump_json().encode())])
    verdict = judge(read_ledgers([path]), [])
    assert not verdict.is_well
    assert "1 readings never left their node: its outbox was full." in to_lines(verdict)


def test_range_wider_than_the_ledger_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    attempt = {"event": "invoke", "site": "lari", "reading": json.loads(reading(7).model_dump_json())}
    outcome = {"event": "confirmed", "site": "lari", "sensor_id": "S-1", "sequences": [[0, 2**62]]}
    path.write_text(f'{json.dumps(outcome)}\n{json.dumps(attempt)}\n{{"event": "inv')
    tries = read_ledgers([path])
    assert [each.known for each in tries.by_identity.values()] == ["confirmed"]
    assert tries.torn == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read"), ("", "holds no reading"), ("{}\n", "holds no reading")],
)
def test_what_is_no_ledger_is_told(tmp_path: Path, content: str | None, sentence: str) -> None:
    path = tmp_path / "ledger.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LedgerError, match=sentence):
        read_ledgers([path])


def test_what_are_no_alerts_is_told(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    with pytest.raises(LedgerError, match="cannot be read"):
        read_alerts(path)
    path.write_text("no alert\n")
    with pytest.raises(LedgerError, match=r"line 1 of .* is no alert"):
        read_alerts(path)
