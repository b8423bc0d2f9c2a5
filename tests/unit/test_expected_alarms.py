"""Alarms that had to be raised and cleared: a right world is called right, and each mistake is named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from broker.ledger import ExpectedOutcome, GroundTruth
from ingestor.documents import AlarmDocument, alarm_id
from monitor.verify.alarm_verdict import AlarmVerdict
from monitor.verify.attempts import Absence, AttemptedReading, Attempts, ReadingKey
from monitor.verify.expected_alarms import ExpectedAlarms
from monitor.verify.reading_timeline import ReadingTimeline, reading_timelines

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC).replace(tzinfo=None)
SENSOR = "S-1"
MISSING, FALSE, WRONG_END = "alarms missing", "alarms false", "alarms not cleared when they had to be"


def naive(second: float) -> datetime:
    return START + timedelta(seconds=second)


def timeline(readings: str, every_s: float = 1.0) -> ReadingTimeline:
    """Readings from second 0 on: ``.`` normal, ``!`` flagged, a space for none."""
    moments = {number: naive(number * every_s) for number, each in enumerate(readings) if each != " "}
    return ReadingTimeline(
        [*moments.values()], {moments[n] for n, each in enumerate(readings) if each == "!"}
    )


def moment(second: float) -> str:
    return naive(second).isoformat(timespec="milliseconds") + "Z"


def alarm(
    rule: str, since: float, cleared: float | None, raised: float | None = None, sensor: str = SENSOR
) -> AlarmDocument:
    return {
        "_id": alarm_id(sensor, rule, naive(since)), "sensor_id": sensor, "site": "lari", "rule": rule,
        "severity": "major", "message": "", "since": naive(since),
        "raised_at": naive(since if raised is None else raised),
        "cleared_at": None if cleared is None else naive(cleared),
        "limit_kwh": None, "peak_kwh": None, "waits": False, "acknowledged_at": None,
        "acknowledged_by": None, "in_storm": False, "retracted_at": None, "changed_at": naive(since),
        "notified_at": None,
    }  # fmt: skip


def silent(begins: float, ends: float, *, must: bool = True, rule: str = "silent") -> Absence:
    return Absence(SENSOR, rule, naive(begins), naive(ends), must)


@dataclass
class World:
    """A run from second 0 to 500, looked at when 1000 seconds are over."""

    readings: ReadingTimeline = field(default_factory=lambda: timeline("." * 500))
    clock: Sequence[float] = ()
    rejecting: Sequence[float] = ()
    absences: Sequence[Absence] = ()
    flooded: set[str] = field(default_factory=set)
    now: float = 1000

    def judge(self, *alarms: AlarmDocument) -> AlarmVerdict:
        rejections = {
            (SENSOR, "clock"): [*map(naive, self.clock)],
            (SENSOR, "rejecting"): [*map(naive, self.rejecting)],
        }
        expected = ExpectedAlarms(
            {SENSOR: self.readings}, rejections, self.flooded, self.absences, (naive(0), naive(500))
        )
        return expected.judge(alarms, naive(self.now))


def over(since: float, cleared: float | None) -> AlarmDocument:
    return alarm("overconsumption", since, cleared)


READINGS = World(timeline("..!!..!.!"))
RIGHT = (over(2, 4), over(6, 7), over(8, None))


def test_alarms_of_readings_are_those_that_the_readings_make() -> None:
    verdict = READINGS.judge(*RIGHT)
    assert verdict.faults == {}
    assert [len(verdict.alarms[what]) for what in ("raised", "cleared")] == [3, 2]
    assert [line.split() for line in verdict.lines()[1:]] == [
        ["alarm", "raised", "cleared", "missing", "false", "wrong", "end"],
        ["overconsumption", "3", "✓", "2", "✓", ".", ".", "."],
    ]


@pytest.mark.parametrize(
    ("alarms", "fault", "alarm_of"),
    [
        (RIGHT[1:], MISSING, 2),
        (RIGHT[:2], MISSING, 8),
        ([*RIGHT, over(1, 2)], FALSE, 1),
        ([over(2, 5), *RIGHT[1:]], WRONG_END, 2),
        ([over(2, None), *RIGHT[1:]], WRONG_END, 2),
        ([*RIGHT[:2], over(8, 8)], WRONG_END, 8),
    ],
)
def test_wrong_alarm_of_readings_is_named(
    alarms: Sequence[AlarmDocument], fault: str, alarm_of: float
) -> None:
    assert READINGS.judge(*alarms).faults == {fault: [alarm_id(SENSOR, "overconsumption", naive(alarm_of))]}


def test_alarm_that_stood_before_the_ledger_is_not_raised_again() -> None:
    world = World(timeline("!!.!"))
    assert world.judge(over(-5, 2), over(3, None)).faults == {}
    assert [*world.judge(over(-5, 1), over(3, None)).faults] == [WRONG_END]
    assert [*world.judge(over(-5, -4), over(3, None)).faults] == [MISSING]


def test_alarm_that_a_later_ledger_clears_is_right() -> None:
    assert World(timeline("..!")).judge(over(2, 60)).faults == {}


def test_alarms_of_others_and_of_other_times_are_left_alone() -> None:
    others = (alarm("overconsumption", 2, None, sensor="S-2"), over(900, None), over(-90, -80))
    assert World().judge(*others, alarm("clock", -60, 0.5), alarm("rejecting", 800, None)).faults == {}


CLOCK = World(clock=(100, 130, 180, 300))


def test_rejected_clock_is_told_from_the_first_rejection_until_a_minute_of_quiet() -> None:
    verdict = CLOCK.judge(alarm("clock", 100, 240.6), alarm("clock", 300, 360.4))
    assert verdict.faults == {}
    assert len(verdict.alarms["cleared"]) == 2


@pytest.mark.parametrize(
    ("alarms", "fault", "alarm_of"),
    [
        ([alarm("clock", 100, 240.6)], MISSING, 300),
        ([alarm("clock", 300, 360.4)], MISSING, 100),
        ([alarm("clock", 100, 240.6), alarm("clock", 300, 330)], WRONG_END, 300),
        ([alarm("clock", 100, 240.6), alarm("clock", 300, None)], WRONG_END, 300),
        ([alarm("clock", 100, 240.6), alarm("clock", 300, 480)], WRONG_END, 300),
        ([alarm("clock", 20, 90), alarm("clock", 100, 240.6), alarm("clock", 300, 360.4)], FALSE, 20),
    ],
)
def test_wrong_alarm_of_a_clock_is_named(
    alarms: Sequence[AlarmDocument], fault: str, alarm_of: float
) -> None:
    assert CLOCK.judge(*alarms).faults == {fault: [alarm_id(SENSOR, "clock", naive(alarm_of))]}


def test_alarm_of_a_clock_may_stand_for_a_minute() -> None:
    assert World(clock=(400,), now=430).judge(alarm("clock", 400, None)).faults == {}


REJECTING = World(rejecting=(100, 110, 120, 200, 400, 440, 455))


def test_three_rejections_within_a_minute_are_told() -> None:
    right = alarm("rejecting", 100, 180.5, raised=120), alarm("rejecting", 400, 515.5, raised=455)
    assert REJECTING.judge(*right).faults == {}
    assert REJECTING.judge(right[0]).faults == {MISSING: [right[1]["_id"]]}
    early = alarm("rejecting", 100, 180.5, raised=110)
    assert REJECTING.judge(early, right[1]).faults == {FALSE: [early["_id"]]}
    false = alarm("rejecting", 200, 260.5)
    assert REJECTING.judge(*right, false).faults == {FALSE: [false["_id"]]}


def test_two_rejections_within_a_minute_are_not_told() -> None:
    world = World(rejecting=(100, 110, 171))
    assert world.judge().faults == {}
    assert [*world.judge(alarm("rejecting", 100, 231.5, raised=171)).faults] == [FALSE]


def test_alarms_of_a_flood_are_not_called_false() -> None:
    flood = alarm("rejecting", 100, 400, raised=105)
    assert [*World().judge(flood).faults] == [FALSE]
    assert World(flooded={SENSOR}).judge(flood).faults == {}
    assert World(flooded={"#"}).judge(flood).faults == {}


SILENCE = World(timeline("." * 101 + " " * 29 + "." * 50), absences=(silent(100, 130),))


def test_silence_is_told_from_the_last_reading_until_the_next() -> None:
    verdict = SILENCE.judge(alarm("silent", 100, 130))
    assert verdict.faults == {}
    assert [len(verdict.alarms[what]) for what in ("raised", "cleared")] == [1, 1]


@pytest.mark.parametrize(
    ("alarms", "fault", "alarm_of"),
    [
        ((), MISSING, 100),
        ((alarm("silent", 100, None),), WRONG_END, 100),
        ((alarm("silent", 100, 130), alarm("silent", 50, 51)), FALSE, 50),
    ],
)
def test_wrong_alarm_of_silence_is_named(
    alarms: Sequence[AlarmDocument], fault: str, alarm_of: float
) -> None:
    assert SILENCE.judge(*alarms).faults == {fault: [alarm_id(SENSOR, "silent", naive(alarm_of))]}


def test_silence_that_may_be_told_need_not_be() -> None:
    world = World(SILENCE.readings, absences=(silent(100, 130, must=False),))
    assert world.judge().faults == {}
    assert world.judge(alarm("silent", 100, 130)).faults == {}


def test_silence_that_outlasts_the_ledger_or_hides_behind_an_outage_need_not_be_told() -> None:
    world = World(timeline("." * 101), absences=(silent(100, 130),))
    assert world.judge().faults == {}
    assert world.judge(alarm("silent", 100, None)).faults == {}
    gone = silent(95, 125, must=False, rule="offline")
    assert World(SILENCE.readings, absences=(*SILENCE.absences, gone)).judge().faults == {}


def test_silence_that_the_readings_show_is_no_false_alarm() -> None:
    world = World(timeline("." * 101 + " " * 29 + "." * 50))
    assert world.judge(alarm("silent", 100, 130), alarm("offline", 105, 129)).faults == {}
    assert [*world.judge(alarm("silent", 99, 100)).faults] == [FALSE]


def test_pause_that_is_usual_for_a_sensor_is_no_silence() -> None:
    world = World(timeline("." * 40, every_s=10))
    assert [*world.judge(alarm("silent", 100, 110)).faults] == [FALSE]


def test_node_that_ends_is_no_false_alarm() -> None:
    world = World(timeline("." * 100))
    assert world.judge(alarm("silent", 99, None), alarm("offline", 101, None)).faults == {}


def test_outage_is_told() -> None:
    world = World(absences=(silent(200, 212, rule="offline"),))
    assert world.judge(alarm("offline", 200.1, 212.3)).faults == {}
    assert world.judge().faults == {MISSING: [alarm_id(SENSOR, "offline", naive(200))]}
    assert [*world.judge(alarm("offline", 200.1, None)).faults] == [WRONG_END]
    assert [*world.judge(alarm("offline", 200.1, 212.3), alarm("offline", 300, 310)).faults] == [FALSE]


def test_outage_of_a_node_that_was_not_there_yet_need_not_be_told() -> None:
    assert World(absences=(silent(0, 12, rule="offline"),)).judge().faults == {}


def test_alarms_of_other_rules_are_counted_and_not_judged() -> None:
    verdict = World().judge(alarm("stuck", 100, 110), alarm("budget", 100, None), alarm("stuck", 120, 130))
    assert verdict.faults == {}
    assert verdict.lines()[1:] == [
        "No alarms expected, none raised.",
        "Not checked, because the ledgers do not predict them: 1 of budget, 2 of stuck.",
    ]


def tried(**found: object) -> AttemptedReading:
    truth = GroundTruth(
        must=ExpectedOutcome(fate="stored", flagged=bool(found.pop("must_be_flagged", False)))
    )
    each = AttemptedReading("lari", 1.0, 1, truth, times_stored=1, outcome="normal")
    for name, value in found.items():
        setattr(each, name, value)
    return each


@pytest.mark.parametrize(
    ("spoil", "alarms"),
    [
        (lambda: tried(must_be_flagged=True), 1),
        (lambda: tried(must_be_flagged=True, is_late=True), 0),
        (lambda: tried(must_be_flagged=True, times_stored=0), 0),
        (lambda: tried(outcome="flagged"), 0),
        (lambda: tried(outcome="flagged", truth=None), 1),
    ],
)
def test_only_readings_that_are_stored_in_time_make_alarms(
    spoil: Callable[[], AttemptedReading], alarms: int
) -> None:
    ledger = Attempts({ReadingKey(SENSOR, moment(2)): spoil(), ReadingKey(SENSOR, moment(1)): tried()})
    assert len(reading_timelines(ledger)[SENSOR].overconsumption(None)) == alarms


def test_readings_are_folded_by_their_time_and_not_as_they_came() -> None:
    flags = {5: False, 1: False, 3: True, 2: True, 4: False}
    ledger = Attempts(
        {ReadingKey(SENSOR, moment(s)): tried(must_be_flagged=flag) for s, flag in flags.items()}
    )
    assert reading_timelines(ledger)[SENSOR].overconsumption(None) == {naive(2): naive(4)}
