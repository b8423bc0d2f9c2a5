"""A ledger that says what must come of each reading: a right world is called right, each mistake named."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import ObjectId

from broker.ledger import (
    AttemptEvent,
    ExpectedOutcome,
    GroundTruth,
    MalformedEntry,
    format_attempt,
    payload_digest,
)
from broker.messages import Reading, ReadingRow
from broker.topics import SensorKey, Topics
from ingestor.documents import Measure, RejectedDocument, format_timestamp, to_measure
from monitor.verify.confusion_matrix import Outcomes
from monitor.verify.ledger_reader import RecordedAlerts, read_ledgers
from monitor.verify.rejections import RejectionCheck
from monitor.verify.verifier import Verdict, Verifier, verdict_lines

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PLACE = SensorKey("lari", "S-1")
TOPIC = "energy/readings/lari/S-1"
NORMAL, FLAGGED = ExpectedOutcome(fate="stored"), ExpectedOutcome(fate="stored", flagged=True)
WITHHELD, AHEAD = ExpectedOutcome(fate="absent"), ExpectedOutcome(fate="rejected", kind="time")
NAN, CUT = b'{"value_kwh":NaN}', b'{"val'


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def naive(second: float) -> datetime:
    return at(second).replace(tzinfo=None)


def name(second: float) -> str:
    return f"S-1@{format_timestamp(naive(second))}"


def tried(number: int, must: ExpectedOutcome, *faults: str, event: AttemptEvent = "invoke") -> bytes:
    value_kwh = 13.0 if must.flagged else 1.5
    reading = Reading(sensor_id="S-1", value_kwh=value_kwh, timestamp=at(number), sequence=number)
    return format_attempt(
        event, "lari", reading.model_dump_json().encode(), GroundTruth(faults=faults, must=must)
    )


def spoiled(number: int, payload: bytes, fault: str, kind: str) -> bytes:
    entry = MalformedEntry(
        event="malformed", site="lari", sensor_id="S-1", at=at(number), digest=payload_digest(payload),
        faults=(fault,), must=ExpectedOutcome(fate="rejected", kind=kind),
    )  # fmt: skip
    return entry.model_dump_json(exclude_defaults=True).encode() + b"\n"


def stored(number: int, value_kwh: float = 1.5, *, after_s: float = 0.1) -> Measure:
    moment, came = naive(number), naive(number) + timedelta(seconds=after_s)
    row: ReadingRow = {"sensor_id": "S-1", "value_kwh": value_kwh, "timestamp": 0.0}
    document = to_measure(
        row, PLACE, (moment, format_timestamp(moment)), 12.0 if value_kwh > 12.0 else None, came
    )
    if value_kwh > 12.0:
        document["alerted_at"] = came
    return document


def refused(number: int, kind: str, payload: bytes = b"{}", *, sequence: bool = False) -> RejectedDocument:
    document: RejectedDocument = {
        "_id": ObjectId(), "topic": TOPIC, "payload": payload, "kind": kind, "reason": "",
        "received_at": naive(number + 0.1),
    }  # fmt: skip
    if sequence:
        document["sequence"] = number
    return document


def flood(count: int, topic: str = TOPIC) -> RejectedDocument:
    return {**refused(9, "flood"), "topic": topic, "until": naive(9), "count": count}


@dataclass
class World:
    """What is in the database; at first all that has to be."""

    measures: dict[int, Measure] = field(
        default_factory=lambda: {
            1: stored(1),
            2: stored(2, 13.0),
            5: stored(5, after_s=700),
            6: stored(6),
            20: stored(20),
        }
    )
    rejected: dict[int, RejectedDocument] = field(
        default_factory=lambda: {
            3: refused(3, "time", sequence=True),
            7: refused(7, "invalid", NAN),
            8: refused(8, "not_json", CUT),
            80: refused(19, "not_json", CUT),
        }
    )
    more: list[Measure] = field(default_factory=list)
    heard: RecordedAlerts | None = None


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(
        tried(1, NORMAL)
        + tried(2, FLAGGED, "peak")
        + tried(3, AHEAD, "clock-jump")
        + tried(4, WITHHELD, "gap", event="withheld")
        + tried(5, ExpectedOutcome(fate="stored", late=True), "gap")
        + tried(6, ExpectedOutcome(fate="stored", copies=3), "duplicate")
        + spoiled(7, NAN, "nan", "invalid")
        + spoiled(8, CUT, "truncated", "not_json")
        + tried(20, NORMAL)
    )
    return path


def judge(ledger: Path, world: World) -> Verdict:
    tries = read_ledgers([ledger])
    verifier = Verifier(tries, world.heard)
    for measure in [*world.measures.values(), *world.more]:
        verifier.check(measure)
    refusals = RejectionCheck(tries, Topics())
    for document in world.rejected.values():
        if document["topic"] in refusals.wanted:
            refusals.check(document)
    return verifier.conclude(refusals)


def test_right_world_is_called_right(ledger: Path) -> None:
    verdict = judge(ledger, World())
    assert verdict.faults == {}
    assert verdict.passed
    assert (verdict.attempted, verdict.outcomes.repeated, verdict.outcomes.payloads) == (6, 1, 2)
    lines = verdict_lines(verdict)
    assert max(map(len, lines)) <= 80
    assert [line.rstrip() for line in lines[lines.index("") + 1 :]] == [
        "expected \\ actual   normal  flagged  rejected  absent",
        "normal                 4 ✓      .         .       .",
        "flagged                .        1 ✓       .       .",
        "rejected: invalid      .        .         1 ✓     .",
        "rejected: not_json     .        .         1 ✓     .",
        "rejected: time         .        .         1 ✓     .",
        "withheld               .        .         .       1 ✓",
        "",
        "fault       injected  right  wrong  expected",
        "clock-jump         1    1 ✓    .    rejected: time",
        "duplicate          1    1 ✓    .    normal",
        "gap                2    2 ✓    .    normal, withheld",
        "nan                1    1 ✓    .    rejected: invalid",
        "peak               1    1 ✓    .    flagged",
        "truncated          1    1 ✓    .    rejected: not_json",
        "no fault           2    2 ✓    .    normal",
        "",
        "Alarms are not checked.",
        "",
        "All is well.",
    ]


def flag_one(world: World) -> None:
    world.measures[1]["is_anomaly"], world.measures[1]["alerted_at"] = True, naive(1)


def do_not_flag(world: World) -> None:
    world.measures[2]["is_anomaly"] = False


def reject_a_good_one(world: World) -> None:
    del world.measures[1]
    world.rejected[1] = refused(1, "conflict", sequence=True)


def store_one_of_wrong_time(world: World) -> None:
    del world.rejected[3]
    world.measures[3] = stored(3)


def reject_for_another_reason(world: World) -> None:
    world.rejected[3]["kind"] = "topic"


def store_what_was_never_sent(world: World) -> None:
    world.measures[4] = stored(4)


def reject_what_was_never_sent(world: World) -> None:
    world.rejected[4] = refused(4, "time", sequence=True)


def come_at_once(world: World) -> None:
    world.measures[5]["received_at"] = naive(6)


def lose_a_payload(world: World) -> None:
    del world.rejected[7]


def another_reason_for_a_payload(world: World) -> None:
    world.rejected[7]["kind"] = "not_json"


def another_reason_after_a_redelivery(world: World) -> None:
    world.rejected[80]["kind"] = "invalid"


def change_a_payload(world: World) -> None:
    world.rejected[7]["payload"] = b"{}"


def reject_something_else(world: World) -> None:
    world.rejected[9] = refused(9, "invalid", b"who?")


def reject_what_is_stored(world: World) -> None:
    world.rejected[1] = refused(1, "invalid", sequence=True)


def store_twice(world: World) -> None:
    world.more.append({**world.measures[6], "_id": "another"})


def lose_one(world: World) -> None:
    del world.measures[6]


def lose_a_rejected_one(world: World) -> None:
    del world.rejected[3]


STRANGE = "S-1, rejected at 2026-11-23T10:00:{}.100Z: invalid"


@pytest.mark.parametrize(
    ("spoil", "faults"),
    [
        (flag_one, {"readings flagged, but not above their threshold": [name(1)]}),
        (do_not_flag, {"readings above their threshold, but not flagged": [name(2)]}),
        (
            reject_a_good_one,
            {"readings rejected that had to be stored": [f"{name(1)} (rejected: conflict)"]},
        ),
        (store_one_of_wrong_time, {"readings stored that had to be rejected": [name(3)]}),
        (reject_for_another_reason, {"rejected for the wrong reason": [f"{name(3)} (rejected: topic)"]}),
        (store_what_was_never_sent, {"readings stored that were never sent": [name(4)]}),
        (
            reject_what_was_never_sent,
            {"readings rejected that were never sent": [f"{name(4)} (rejected: time)"]},
        ),
        (come_at_once, {"readings not marked late, but older than ten minutes on arrival": [name(5)]}),
        (lose_a_payload, {"malformed payloads lost": [name(7)]}),
        (
            another_reason_for_a_payload,
            {"rejected for the wrong reason": [f"{name(7)} (rejected: not_json)"]},
        ),
        (
            another_reason_after_a_redelivery,
            {"rejected for the wrong reason": [f"{name(8)} (rejected: invalid)"]},
        ),
        (
            change_a_payload,
            {
                "malformed payloads lost": [name(7)],
                "rejected, and in no ledger": [STRANGE.format("07")],
            },
        ),
        (reject_something_else, {"rejected, and in no ledger": [STRANGE.format("09")]}),
        (reject_what_is_stored, {"rejected, and in no ledger": [STRANGE.format("01")]}),
        (store_twice, {"readings duplicated": [name(6)]}),
        (lose_one, {"readings lost": [name(6)]}),
        (lose_a_rejected_one, {"readings lost": [name(3)]}),
    ],
)
def test_each_mistake_is_named(
    ledger: Path, spoil: Callable[[World], None], faults: dict[str, list[str]]
) -> None:
    world = World()
    spoil(world)
    verdict = judge(ledger, world)
    assert verdict.faults == faults
    if spoil is not reject_what_is_stored and spoil is not reject_something_else:
        assert sum(verdict.outcomes.faults_wrong.values()) == 1
    lines = verdict_lines(verdict)
    assert lines[-1].startswith("NOT WELL")
    assert max(map(len, lines)) <= 80


def test_wrong_cell_is_marked_without_a_colour(ledger: Path) -> None:
    world = World()
    flag_one(world)
    rows = {line.split("  ")[0]: line.split()[1:] for line in verdict_lines(judge(ledger, world))}
    assert rows["normal"] == ["3", "✓", "1", "!", ".", "."]
    assert rows["no fault"][1:] == ["2", "1", "✓", "1", "!", "normal"]


def test_tables_with_all_columns_fit_on_a_terminal() -> None:
    outcomes = Outcomes()
    columns = ("normal", "flagged", "rejected: time", "rejected: invalid", "counted", "absent")
    for was in columns:
        outcomes.enter(GroundTruth(faults=("transient-zero",), must=AHEAD), was, well=False, times=123_456)
    lines = outcomes.lines()
    assert max(map(len, lines)) <= 80
    cells = next(line for line in lines if "✓" in line).split()
    assert cells[-12::2] == ["123,456"] * 6
    assert cells[-11::2] == ["!", "!", "✓", "!", "✓", "!"]


def test_payload_that_was_made_twice_is_looked_for_twice(ledger: Path) -> None:
    with ledger.open("ab") as file:
        file.write(spoiled(9, CUT, "truncated", "not_json"))
    world = World()
    assert judge(ledger, world).passed
    del world.rejected[80]
    assert judge(ledger, world).faults == {"malformed payloads lost": [name(9)]}


@pytest.mark.parametrize("topic", [TOPIC, "energy/readings/lari/#"])
def test_what_came_too_fast_to_be_kept_is_counted(ledger: Path, topic: str) -> None:
    world = World()
    del world.rejected[7], world.rejected[3]
    world.rejected[9] = flood(2, topic)
    verdict = judge(ledger, world)
    assert verdict.passed
    assert verdict.outcomes.counted == 2
    assert "counted               2   rejected too fast to be kept one by one" in verdict_lines(verdict)
    world.rejected[9]["count"] = 1
    assert [*judge(ledger, world).faults] == ["malformed payloads lost"]


def test_flood_of_another_time_or_sensor_explains_nothing(ledger: Path) -> None:
    world = World()
    del world.rejected[7]
    world.rejected[9] = {**flood(9), "until": naive(-60)}
    assert [*judge(ledger, world).faults] == ["malformed payloads lost"]
    world.rejected[9] = flood(9, "energy/readings/lari/S-2")
    assert [*judge(ledger, world).faults] == ["malformed payloads lost"]


@pytest.mark.parametrize("second", [-60, 5000])
def test_what_was_rejected_at_another_time_is_of_others(ledger: Path, second: int) -> None:
    world = World()
    world.rejected[9] = refused(second, "invalid")
    assert judge(ledger, world).passed


def test_reading_that_came_before_all_of_the_ledger_is_of_others(ledger: Path) -> None:
    """A clock that is behind makes the ledger's time longer than it was."""
    world = World()
    world.more = [stored(10, after_s=-60)]
    assert judge(ledger, world).passed
    world.more = [stored(10)]
    assert judge(ledger, world).faults == {"readings unexpected": [name(10)]}


@pytest.mark.parametrize(
    ("second", "late", "faults"),
    [
        (2, False, []),
        (2, True, ["alerts with the wrong `late`"]),
        (5, True, []),
        (5, False, ["alerts with the wrong `late`"]),
    ],
)
def test_alert_says_late_as_it_is_stored(tmp_path: Path, second: int, late: bool, faults: list[str]) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(tried(2, FLAGGED) + tried(5, ExpectedOutcome(fate="stored", flagged=True, late=True)))
    world = World({2: stored(2, 13.0), 5: stored(5, 13.0, after_s=700)}, {}, heard=RecordedAlerts())
    assert world.heard is not None
    for each in (2, 5):
        world.heard[name(each), late if each == second else each == 5] += 1
    assert [*judge(path, world).faults] == faults


def test_ledgers_with_and_without_truth_are_judged_each_in_its_way(ledger: Path) -> None:
    reading = Reading(sensor_id="S-1", value_kwh=1.5, timestamp=at(11), sequence=11)
    with ledger.open("ab") as file:
        file.write(format_attempt("invoke", "lari", reading.model_dump_json().encode()))
    world = World()
    world.rejected[11] = refused(11, "invalid", sequence=True)
    verdict = judge(ledger, world)
    assert verdict.passed
    assert verdict.rejected == [name(3), name(11)]
    assert sum(verdict.outcomes.cells.values()) == 9
