"""Who may have readings stored, how many, and what becomes of those that are too many."""

from dataclasses import astuple
from datetime import datetime, timedelta

import pytest

from broker.topics import SensorKey
from ingestor.delivery import Delivery, Rejection, RejectKind
from ingestor.receive.authorization import Authorization, StoredSite
from ingestor.receive.token_bucket import TokenBuckets
from ingestor.store.dead_letters import MAX_RECORDS, TOPIC_BYTES_AT_ONCE, DeadLetterPolicy
from tests import deliveries
from tests.fault_points.ingestor import MAX_SENSORS, MOST_ALLOWANCES

NOW = datetime(2026, 11, 27, 10)  # noqa: DTZ001 - as in documents
TOPIC = "energy/readings/a/S-1"
PREFIX = "energy/readings/"


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def delivery(topic: str = TOPIC) -> Delivery:
    return deliveries.delivery(b"{}", topic)


def test_bucket_holds_so_much_and_fills_again(clock: Clock) -> None:
    bucket = TokenBuckets(2.0, 10, clock=clock)
    assert [bucket.take("a", 4) for _ in range(3)] == [True, True, False]
    assert bucket.left["a"] == 2
    clock.now_s += 0.5
    assert not bucket.take("a", 4)
    clock.now_s += 0.5
    assert bucket.take("a", 4)
    clock.now_s += 1000
    assert bucket.refill("a") == 10
    assert bucket.take("b", 1)


def test_what_is_larger_than_a_bucket_takes_a_full_one(clock: Clock) -> None:
    bucket = TokenBuckets(1.0, 10, clock=clock)
    assert bucket.take("a", 15)
    clock.now_s += 14
    assert not bucket.take("a", 15)
    clock.now_s += 1
    assert bucket.take("a", 15)


@MOST_ALLOWANCES.replace(3)
def test_buckets_have_a_bound(clock: Clock) -> None:
    bucket = TokenBuckets(1.0, 1, clock=clock)
    for number in range(10):
        bucket.take(str(number), 1)
    assert bucket.left
    assert all(len(each) <= 3 for each in astuple(bucket) if isinstance(each, dict))


def admission(clock: Clock) -> Authorization:
    return Authorization(TokenBuckets(1.0, 2, clock=clock))


def test_sensor_belongs_to_the_site_that_came_first(clock: Clock) -> None:
    gate = admission(clock)
    assert gate.owns(SensorKey("a", "S-1"))
    assert gate.owns(SensorKey("a", "S-1"))
    assert not gate.owns(SensorKey("b", "S-1"))
    rejected = gate.reject(delivery("energy/readings/b/S-1"))
    assert rejected is not None
    assert rejected.kind == "foreign"
    assert rejected.reason == ("S-1 is a sensor of site a; to move it: monitor sensors S-1 --move-to b")


def test_nobody_gets_a_sensor_by_speaking_for_it(clock: Clock) -> None:
    gate = admission(clock)
    assert gate.may_own(SensorKey("b", "S-1"))
    assert gate.owns(SensorKey("a", "S-1"))
    assert not gate.may_own(SensorKey("b", "S-1"))


def test_what_the_database_says_counts(clock: Clock) -> None:
    gate = admission(clock)
    gate.learn(set(), {"S-1": StoredSite("a"), "S-2": StoredSite("a")}, PREFIX)
    assert not gate.lookups
    assert not gate.owns(SensorKey("b", "S-1"))
    assert gate.reject(delivery()) is None
    assert TOPIC in gate.readings.left
    # Somebody moves it.
    assert gate.lookups == {"S-1"}
    gate.learn({"S-1"}, {"S-1": StoredSite("b", is_moved=True)}, PREFIX)
    assert gate.owns(SensorKey("b", "S-1"))
    # What came from its old site is looked at anew, though there was something left.
    assert TOPIC not in gate.readings.left
    assert not gate.owns(SensorKey("a", "S-1"))


def test_sensor_of_which_nothing_is_stored_is_nobodys(clock: Clock) -> None:
    gate = admission(clock)
    assert gate.owns(SensorKey("b", "S-1"))
    assert not gate.owns(SensorKey("a", "S-1"))
    gate.learn(gate.lookups, {}, PREFIX)
    assert gate.owns(SensorKey("a", "S-1"))


def registered(gate: Authorization, **sites: str) -> None:
    """Have the register say something else."""
    before, gate.register.sites = gate.register.sites, sites
    gate.on_registered(before, PREFIX)


def test_register_counts_more_than_who_came_first(clock: Clock) -> None:
    gate = admission(clock)
    assert gate.reject(delivery("energy/readings/b/S-1")) is None
    registered(gate, **{"S-1": "a"})
    # What was let in before is looked at anew.
    assert "energy/readings/b/S-1" not in gate.readings.left
    assert not gate.owns(SensorKey("b", "S-1"))
    gate.learn(gate.lookups, {"S-1": StoredSite("b")}, PREFIX)
    assert gate.reject(delivery()) is None
    registered(gate, **{"S-1": "c"})
    assert TOPIC not in gate.readings.left
    assert gate.site_of("S-1") == "c"


def test_people_who_move_a_sensor_count_more_than_the_register(clock: Clock) -> None:
    gate = admission(clock)
    registered(gate, **{"S-1": "a"})
    gate.learn(set(), {"S-1": StoredSite("b", is_moved=True)}, PREFIX)
    assert gate.owns(SensorKey("b", "S-1"))
    assert not gate.owns(SensorKey("a", "S-1"))


def rejected_kinds(gate: Authorization, site: str, names: range) -> list[str | None]:
    found = [gate.reject(delivery(f"energy/readings/{site}/S-{number}")) for number in names]
    return [each and each.kind.value for each in found]


def test_site_has_so_many_new_sensors_and_others_have_theirs(clock: Clock) -> None:
    gate = Authorization(TokenBuckets(1.0, 2, clock=clock), new=TokenBuckets(1.0, 3, clock=clock))
    assert rejected_kinds(gate, "a", range(5)) == [None, None, None, "flood", "flood"]
    assert rejected_kinds(gate, "b", range(10, 12)) == [None, None]
    assert rejected_kinds(gate, "a", range(3)) == [None, None, None]
    clock.now_s += 1
    assert rejected_kinds(gate, "a", range(3, 5)) == [None, "flood"]


@MAX_SENSORS.replace(3)
def test_sensors_have_a_bound_but_for_those_that_are_registered(clock: Clock) -> None:
    gate = admission(clock)
    assert rejected_kinds(gate, "a", range(5)) == [None, None, None, "flood", "flood"]
    registered(gate, **{"S-4": "a"})
    assert rejected_kinds(gate, "a", range(4, 5)) == [None]


def test_node_speaks_so_often_and_others_have_their_turn(clock: Clock) -> None:
    gate = Authorization(
        TokenBuckets(1.0, 2, clock=clock),
        _statuses=TokenBuckets(1.0, 3, clock=clock),
        _new_statuses=TokenBuckets(1.0, 2, clock=clock),
    )
    registered(gate, **{"S-1": "a", "S-2": "a"})

    def kinds(name: str, count: int, site: str = "a") -> list[str | None]:
        said = delivery(f"energy/status/{site}/{name}")
        found = [gate.reject_status(SensorKey(site, name), said) for _ in range(count)]
        return [each and each.kind.value for each in found]

    assert kinds("S-1", 5) == [None, None, None, "flood", "flood"]
    assert kinds("S-2", 1) == [None]
    assert kinds("S-2", 1, site="b") == ["foreign"]
    # Names of which nobody has heard share what their site has.
    assert [*kinds("N-1", 1), *kinds("N-2", 1), *kinds("N-3", 1)] == [None, None, "flood"]


def test_what_is_doubted_while_the_database_is_asked_stays_doubted(clock: Clock) -> None:
    gate = admission(clock)
    gate.learn(set(), {"S-1": StoredSite("a")}, PREFIX)
    asked = gate.lookups
    assert not gate.owns(SensorKey("b", "S-1"))
    gate.learn(asked, {}, PREFIX)
    assert gate.lookups == {"S-1"}
    assert not gate.owns(SensorKey("b", "S-1"))


def rejections(
    count: int, topic: str = TOPIC, kind: RejectKind = RejectKind.FLOOD, size: int = 10
) -> list[Rejection]:
    return [Rejection(kind, "too much", topic, b"x" * size) for _ in range(count)]


def test_flood_has_one_record_in_a_minute() -> None:
    floods = DeadLetterPolicy()
    first = floods.sort(rejections(3), NOW)
    assert (len(first.kept), first.counted, len(first.begun), len(first.flooding)) == (0, 3, 1, 1)
    again = floods.sort(rejections(2), NOW + timedelta(seconds=59))
    assert not again.begun
    (record,) = again.counts
    assert record["_id"] == first.counts[0]["_id"]
    assert (record["count"], record["bytes"], record["kind"]) == (5, 50, "flood")
    assert record["until"] - record["received_at"] == timedelta(seconds=59)
    assert record["reason"] == "5 payloads within a minute, 50 bytes, only counted: too much"
    (other,) = floods.sort(rejections(1), NOW + timedelta(seconds=61)).counts
    assert (other["count"], other["_id"] == record["_id"]) == (1, False)


def test_rejected_payloads_are_kept_up_to_their_bytes() -> None:
    floods = DeadLetterPolicy()
    size = TOPIC_BYTES_AT_ONCE // 4 - len(TOPIC)
    sorted_out = floods.sort(rejections(6, kind=RejectKind.INVALID, size=size), NOW)
    assert (len(sorted_out.kept), sorted_out.counted) == (4, 2)
    # Another topic has its own.
    assert len(floods.sort(rejections(1, "energy/readings/a/S-2", RejectKind.INVALID), NOW).kept) == 1


def test_topics_without_end_share_a_record() -> None:
    floods = DeadLetterPolicy()
    many = [each for number in range(MAX_RECORDS + 50) for each in rejections(1, f"{PREFIX}a/S-{number}")]
    counts = floods.sort(many, NOW).counts
    assert len(counts) == MAX_RECORDS + 1
    assert counts[-1]["topic"] == "energy/readings/a/#"
    assert counts[-1]["count"] == 50
