"""Faults: how they are written, when they strike, and what must come of a reading that has one."""

import json
import random
import re
from collections import deque
from datetime import UTC, datetime, timedelta

import pytest
from mqtt5 import PublishPacket, QoS

from broker.ledger import ExpectedOutcome, payload_digest
from broker.messages import MAX_PAYLOAD_BYTES, Reading
from broker.topics import SensorKey
from ingestor.delivery import Delivery, Rejection
from ingestor.validate import sensor_key
from sensor_node.faults.fault import check_faults, read_fault
from sensor_node.faults.fault_types import FAULT_PARAMETERS, FAULT_TYPES
from sensor_node.faults.injector import Injector
from sensor_node.faults.oracle import MeterOutput, ground_truth
from sensor_node.meter.meter import Meter
from sensor_node.meter.register import EnergyRegister, RegisterPlan
from tests import deliveries

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PLACE = SensorKey("lari", "S-1")


def meter(*faults: str, register: RegisterPlan | None = None, seed: int = 1) -> Meter:
    injector = Injector(map(read_fault, faults), random.Random(seed), NOW)
    own = EnergyRegister(register) if register else None
    return Meter(PLACE, "Room 1", 1, injector, own, deque(maxlen=100))


def read(what: Meter, times: int, energy_kwh: float = 1.5) -> list[list[MeterOutput]]:
    return [what.read(NOW + number * SECOND, energy_kwh) for number in range(times)]


def values(made: list[list[MeterOutput]]) -> list[float]:
    return [each.value_kwh for one in made for each in one]


def test_each_fault_has_a_meaning_and_only_known_parameters() -> None:
    for kind, nature in FAULT_TYPES.items():
        assert nature.meaning, kind
        assert set(nature.defaults) <= set(FAULT_PARAMETERS), kind


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("foo=1%", "'foo' is not a fault; faults are peak, drift"),
        ("peak", "peak needs a rate (1%) or a time (at = +5m), not both"),
        ("peak=1%,at=+5m", "peak needs a rate"),
        ("peak=x", "rate: write a rate as 1% or 0.01"),
        ("peak=200%", "rate: input should be less than or equal to 1"),
        ("peak=1%,copies=3", "peak has no copies; it has factor"),
        ("nan=1%,factor=3", "nan has no factor; it has no parameters"),
        ("clock-jump=1%,by=5m", "clock-jump by 4 to 6 minutes has no certain outcome; use less or more"),
        ("clock-skew=1%,by=1h", "clock-skew is limited to 4 minutes; use clock-jump for more"),
        ("gap=1%,length=0", "length: input should be greater than or equal to 1"),
        ("storm=1%,from=noon", "from: write +5m for a time after the start"),
    ],
)
def test_fault_that_cannot_be_read_is_told_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        read_fault(text)
    assert "\n" not in str(caught.value)


def test_options_are_whole_again_however_the_commas_were_taken() -> None:
    apart = ["clock-jump=0.5%", "by=-1h", "length=4", "gap=1%", "backfill", "peak=once"]
    assert check_faults(apart) == ["clock-jump=0.5%,by=-1h,length=4", "gap=1%,backfill", "peak=once"]


def test_fault_strikes_as_often_as_it_should_and_the_same_for_the_same_chance() -> None:
    def struck(seed: int) -> list[bool]:
        return [bool(each[0].faults) for each in read(meter("peak=5%", seed=seed), 10_000)]

    first = struck(1)
    assert 0.045 < sum(first) / len(first) < 0.055
    assert first == struck(1) != struck(2)


def test_fault_that_happens_once_happens_once_and_not_before_its_time() -> None:
    made = read(meter("peak=once,at=+5s,factor=10"), 20)
    assert values(made) == [1.5] * 5 + [15.0] + [1.5] * 14


def test_fault_with_a_window_stays_within_it() -> None:
    made = read(meter("wrong-unit=100%,from=+3s,to=+5s"), 8)
    assert values(made) == [1.5, 1.5, 1.5, 1500.0, 1500.0, 1.5, 1.5, 1.5]


def test_two_things_never_happen_to_one_reading_on_its_way() -> None:
    what = meter("nan=30%", "truncated=30%", "gap=10%,length=3", "duplicate=30%", "clock-jump=10%,length=4")
    made = [each for one in read(what, 2000) for each in one]
    assert {len(each.faults) for each in made} == {0, 1}
    assert {kind for each in made for kind in each.faults} == {
        "nan",
        "truncated",
        "gap",
        "duplicate",
        "clock-jump",
    }


def test_drift_grows_to_its_factor_and_ends() -> None:
    made = values(read(meter("drift=once,factor=2,length=4"), 6))
    assert made == pytest.approx([1.875, 2.25, 2.625, 3.0, 1.5, 1.5])


def test_stuck_meter_repeats_the_value_before() -> None:
    what = meter("stuck=once,at=+2s,length=3")
    made = [what.read(NOW + number * SECOND, float(number)) for number in range(7)]
    assert values(made) == [0.0, 1.0, 1.0, 1.0, 1.0, 5.0, 6.0]


def test_silent_meter_says_nothing_and_then_all_that_was_used() -> None:
    made = read(meter("silence=once,at=+2s,length=3"), 7)
    assert [len(each) for each in made] == [1, 1, 0, 0, 0, 1, 1]
    assert values(made) == [1.5, 1.5, 6.0, 1.5]


def test_gap_without_backfill_is_withheld_and_with_it_comes_at_the_end() -> None:
    lost = read(meter("gap=once,at=+1s,length=3"), 6)
    assert [[each.is_withheld for each in one] for one in lost] == [
        [False],
        [True],
        [True],
        [True],
        [False],
        [False],
    ]
    held = read(meter("gap=once,at=+1s,length=3,backfill"), 6)
    assert [len(each) for each in held] == [1, 0, 0, 3, 1, 1]
    assert [each.sequence for each in held[3]] == [4, 2, 3]


def test_reading_that_is_overtaken_arrives_after_the_later_ones() -> None:
    made = read(meter("reorder=once,at=+1s,length=2"), 5)
    assert [each.sequence for one in made for each in one] == [1, 3, 4, 2, 5]


def test_what_still_waits_at_the_end_is_given_up() -> None:
    what = meter("reorder=once,at=+1s,length=9")
    read(what, 3)
    assert [each.sequence for each in what.flush()] == [2]
    assert what.flush() == []


def test_wrong_clock_gives_no_time_twice() -> None:
    made = read(meter("clock-jump=once,at=+6s,by=-5s,length=4", "clock-jump=once,at=+15s,by=3s,length=3"), 30)
    stamps = [each.timestamp for one in made for each in one]
    assert len(set(stamps)) == len(stamps) == 30
    assert stamps[6] - stamps[1] == timedelta(milliseconds=1)


def test_skewed_clock_goes_ever_more_wrong_and_is_set_right() -> None:
    made = read(meter("clock-skew=once,at=+2s,by=-60s,length=3"), 6)
    wrong_s = [(each.timestamp - NOW).total_seconds() - number for number, (each,) in enumerate(made)]
    assert wrong_s == [0, 0, -20, -40, -60, 0]


def test_register_counts_in_steps_and_nothing_is_lost() -> None:
    register = EnergyRegister(RegisterPlan(resolution_kwh=0.1, rollover_kwh=1000))
    shown, differences = [], []
    for _ in range(10):
        register.count(0.137)
        differences.append(register.read())
        shown.append(register.shown_kwh)
    assert shown == [0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9, 1.0, 1.2, 1.3]
    assert sum(differences) == pytest.approx(1.3)


def test_register_rolls_over_and_the_difference_does_not() -> None:
    register = EnergyRegister(RegisterPlan(resolution_kwh=1, rollover_kwh=100, start_kwh=97))
    register.count(5)
    assert (register.read(), register.shown_kwh) == (5, 2)


def test_register_that_is_reset_gives_a_difference_below_zero_once() -> None:
    what = meter("counter-reset=once,at=+2s", register=RegisterPlan(1, 100_000, 50_000))
    made = read(what, 5, energy_kwh=2)
    assert values(made) == [2, 2, -50_004, 2, 2]
    assert [each.is_reading for one in made for each in one] == [True, True, False, True, True]
    assert [json.loads(each.payload)["register_kwh"] for one in made for each in one] == [
        50_002,
        50_004,
        0,
        2,
        4,
    ]


def test_register_that_is_zero_for_a_moment_has_all_of_it_in_the_next_difference() -> None:
    what = meter("transient-zero=once,at=+2s", register=RegisterPlan(1, 100_000, 50_000))
    assert values(read(what, 5, energy_kwh=2)) == [2, 2, -50_004, 50_008, 2]
    assert values(read(meter("transient-zero=once,at=+2s"), 4)) == [1.5, 1.5, 0.0, 1.5]


@pytest.mark.parametrize("kind", ["nan", "naive-time", "truncated", "oversized"])
def test_spoiled_payload_is_rejected_by_the_ingestor_for_the_reason_in_the_ledger(kind: str) -> None:
    ((made,),) = read(meter(f"{kind}=100%"), 1)
    must = ground_truth(made, NOW, 12.0).must
    packet = PublishPacket("energy/readings/lari/S-1", made.payload, packet_id=1, qos=QoS.AT_LEAST_ONCE)
    (rejected,) = deliveries.check(Delivery(packet, sensor_key(packet.topic)), NOW.replace(tzinfo=None))
    assert isinstance(rejected, Rejection)
    assert must == ExpectedOutcome(fate="rejected", kind=rejected.kind)
    assert (kind == "oversized") == (len(made.payload) > MAX_PAYLOAD_BYTES)
    assert len(payload_digest(made.payload)) == 64


def test_reading_without_a_fault_is_one() -> None:
    ((made,),) = read(meter(), 1)
    assert Reading.model_validate_json(made.payload).value_kwh == 1.5
    assert ground_truth(made, NOW, 12.0).must == ExpectedOutcome(fate="stored", late=False)


@pytest.mark.parametrize(
    ("value_kwh", "age", "must"),
    [
        (12.0, 0, ExpectedOutcome(fate="stored", late=False)),
        (12.001, 0, ExpectedOutcome(fate="stored", flagged=True, late=False)),
        (1.0, 11 * 60, ExpectedOutcome(fate="stored", late=True)),
        (1.0, 7 * 60, ExpectedOutcome(fate="stored", late=None)),
        (1.0, -4 * 60, ExpectedOutcome(fate="stored", late=False)),
        (1.0, -6 * 60, ExpectedOutcome(fate="rejected", kind="time")),
        (1.0, 30 * 365 * 86_400, ExpectedOutcome(fate="rejected", kind="time")),
        (-0.1, 0, ExpectedOutcome(fate="rejected", kind="invalid")),
        (1_000_001.0, 0, ExpectedOutcome(fate="rejected", kind="invalid")),
    ],
)
def test_what_must_come_of_a_reading(value_kwh: float, age: int, must: ExpectedOutcome) -> None:
    made = MeterOutput(PLACE, 1, NOW - age * SECOND, value_kwh, b"{}")
    assert ground_truth(made, NOW, 12.0).must == must
