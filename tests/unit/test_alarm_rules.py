"""The rules of alarms: by example, and against a model that looks at all readings at once."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.messages import ReadingRow
from broker.topics import SensorKey
from ingestor.alarms.rules.budget import BudgetSettings, period_of
from ingestor.alarms.rules.flatline import FlatlineSettings
from ingestor.alarms.rules.overconsumption import Overconsumption, OverconsumptionSettings
from ingestor.alarms.rules.rule import RuleState
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.alarms.rules.sensor_rules import SensorRules
from ingestor.alarms.rules.stale import StaleSettings, learn_interval, stale_after
from ingestor.alarms.rules.sustained import SustainedSettings
from ingestor.alarms.supervision.reject_rate import recent_rejections
from ingestor.documents import Measure, to_measure
from ingestor.flag import Thresholds
from tests.alarm_model import Episode, Seen, episodes, rules_with
from tests.deliveries import exceeded_threshold

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)
THRESHOLD_KWH = 12.0
BERLIN = ZoneInfo("Europe/Berlin")
OFF = OverconsumptionSettings(enabled=False)
Since = Iterator[datetime | None]


def utc(text: str) -> datetime:
    """A time as documents have it."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


START = utc("2026-11-23T10:00")


def flagged(value_kwh: float, flagged_above_kwh: float = THRESHOLD_KWH) -> bool:
    limits = Thresholds(flagged_above_kwh)
    return (
        exceeded_threshold({"sensor_id": "S-1", "value_kwh": value_kwh, "timestamp": ""}, "lari", limits)
        is not None
    )


def series(*values: float, begin: datetime = START, step: timedelta = SECOND) -> list[Seen]:
    return [Seen(begin + index * step, value, flagged(value)) for index, value in enumerate(values)]


def measured(seen: Seen) -> Measure:
    row = ReadingRow(sensor_id="S-1", value_kwh=seen.value_kwh, timestamp="")
    exceeded_kwh = THRESHOLD_KWH if seen.above else None
    return to_measure(row, SensorKey("lari", "S-1"), (seen.at, ""), exceeded_kwh, seen.at)


def states_of(state: RuleState[Any], points: Sequence[Seen], threshold_kwh: float) -> Since:
    for point in points:
        state.step(measured(point), threshold_kwh)
        yield state.since


def changes(rule: str, points: Sequence[Seen], states: Since) -> Iterator[Episode]:
    """The episodes that a rule's states make, one state after each reading."""
    now: Episode | None = None
    for point, since in zip(points, states, strict=True):
        if now is not None and since != now.since:
            yield now._replace(cleared_at=point.at)
            now = None
        if since is not None:
            if now is None:
                begin = point.at if rule == "budget" else since
                earlier = [other.value_kwh for other in points if begin <= other.at < point.at]
                now = Episode(rule, since, point.at, None, max([*earlier, point.value_kwh]))
            now = now._replace(peak_kwh=max(now.peak_kwh, point.value_kwh))
    if now is not None:
        yield now


def folded(
    readings: Sequence[Seen],
    rules: AllRuleSettings,
    threshold_kwh: float = THRESHOLD_KWH,
    zone: ZoneInfo = BERLIN,
) -> list[Episode]:
    """What the rules say of readings that come one by one, in the order of their times."""
    points = sorted(readings)
    found: list[Episode] = []
    for state in SensorRules(rules, zone).states:
        found += changes(state.name, points, states_of(state, points, threshold_kwh))
    return sorted(found, key=lambda episode: (episode.rule, episode.since))


def overconsumption(**settings: object) -> Overconsumption:
    rule = OverconsumptionSettings.model_validate(settings)
    return Overconsumption("overconsumption", rule, BERLIN)


def made(readings: Sequence[Seen], rules: AllRuleSettings) -> list[Episode]:
    """The episodes that both the rules and the model find."""
    found = folded(readings, rules)
    assert found == episodes(readings, rules, THRESHOLD_KWH, BERLIN)
    return found


def places(readings: Sequence[Seen], rules: AllRuleSettings) -> list[tuple[int, int, int | None]]:
    """Of each episode: its first reading, the one that raised it and the one that cleared it."""
    index: dict[datetime | None, int | None] = {seen.at: index for index, seen in enumerate(readings)}
    found = [(index[made.since], index[made.raised_at], made.cleared_at) for made in made(readings, rules)]
    return [(since or 0, raised or 0, index.get(cleared)) for since, raised, cleared in found]


def over(*values: float, step: timedelta = SECOND, **rule: object) -> list[tuple[int, int, int | None]]:
    rules = rules_with(overconsumption=OverconsumptionSettings.model_validate(rule))
    return places(series(*values, step=step), rules)


def test_only_a_value_strictly_above_the_threshold_raises() -> None:
    assert over(11.9, 12.0, 12.0, 0.0) == []
    assert over(12.0, 12.000001, 12.0) == [(1, 1, 2)]
    assert over(13.0) == [(0, 0, None)]


def test_the_peak_is_the_highest_reading_of_an_episode() -> None:
    (only,) = made(series(20.0, 0.0, 13.0, 15.0, 12.5, 12.0, 11.0), AllRuleSettings())[1:]
    assert only.peak_kwh == 15.0


def test_an_on_delay_in_readings() -> None:
    assert over(13, 13, 0, 13, 13, 13, 13, 0, on_readings=3) == [(3, 5, 7)]


def test_an_on_delay_in_time() -> None:
    assert over(13, 13, 12, 13, 13, 13, 13, 0, on_delay="2s") == [(3, 5, 7)]
    assert over(13, 13, 13, 13, step=timedelta(milliseconds=999), on_delay="2s") == [(0, 3, None)]


def test_both_on_delays_must_have_passed() -> None:
    assert over(13, 13, 13, 13, on_readings=2, on_delay="3s") == [(0, 3, None)]
    assert over(13, 13, 13, 13, on_readings=4, on_delay="1s") == [(0, 3, None)]


def test_within_the_deadband_an_episode_goes_on() -> None:
    assert over(13, 12, 11.9, 11.6, 11.5, 12, deadband_kwh=0.5) == [(0, 0, 4)]


def test_an_off_delay_in_readings() -> None:
    assert over(13, 0, 0, 13, 0, 0, 0, 0, off_readings=3) == [(0, 0, 6)]


def test_an_off_delay_in_time() -> None:
    assert over(13, 0, 0, 12.5, 0, 0, 0, 0, off_delay="2s") == [(0, 0, 6)]


def test_a_reading_within_the_deadband_begins_an_off_delay_anew() -> None:
    assert over(13, 11, 11.9, 11, 11, 11, deadband_kwh=0.5, off_readings=2) == [(0, 0, 4)]


def test_after_an_episode_an_on_delay_begins_anew() -> None:
    assert over(13, 13, 0, 13, 0, 13, 13, on_readings=2) == [(0, 1, 2), (5, 6, None)]


@pytest.mark.parametrize(("deadband_kwh", "count"), [(0.0, 5), (0.5, 1)])
def test_values_that_flap_around_the_threshold_are_one_episode_with_a_deadband(
    deadband_kwh: float, count: int
) -> None:
    assert len(over(*[12.1, 11.9] * 5, 11.0, deadband_kwh=deadband_kwh)) == count


def test_a_reading_that_was_not_flagged_clears_though_the_threshold_is_lower_now() -> None:
    readings = [Seen(START, 13, above=True), Seen(START + SECOND, 12.5, above=False)]
    assert places(readings, AllRuleSettings()) == [(0, 0, 1)]
    assert places(readings, rules_with(overconsumption=OverconsumptionSettings(deadband_kwh=0.5))) == [
        (0, 0, None)
    ]


def test_a_reading_that_was_flagged_clears_nothing_though_the_threshold_is_higher_now() -> None:
    readings = [Seen(START, 13, above=True), Seen(START + SECOND, 11, above=True)]
    assert places(readings, AllRuleSettings()) == [(0, 0, None)]
    assert places(readings, rules_with(overconsumption=OverconsumptionSettings(deadband_kwh=0.5))) == [
        (0, 0, None)
    ]


def test_what_raises_an_alarm_knows_the_highest_reading_so_far() -> None:
    state = overconsumption(on_readings=3)
    for seen in series(20, 0, 13, 15, 14):
        state.step(measured(seen), THRESHOLD_KWH)
    assert state.since == START + 2 * SECOND
    assert state.highest_kwh == 15


def test_a_disabled_rule_finds_nothing() -> None:
    assert over(13, 13, enabled=False) == []


def test_stuck_is_the_same_value_many_times() -> None:
    rules = rules_with(stuck=FlatlineSettings(readings=3))
    assert places(series(1, 1, 2, 2, 2, 2, 3, 3), rules) == [(2, 4, 6)]
    assert places(series(1, 1, 1), rules) == [(0, 2, None)]
    assert places(series(1, 1, 1, 2, 2, 2), rules) == [(0, 2, 3), (3, 5, None)]


def test_a_meter_may_say_zero_all_night() -> None:
    night = series(1, *[0.0] * 5, 1)
    assert places(night, rules_with(stuck=FlatlineSettings(readings=3))) == []
    assert places(night, rules_with(stuck=FlatlineSettings(readings=3, zeros=True))) == [(1, 3, 6)]


def test_sustained_needs_a_full_window() -> None:
    rules = rules_with(sustained=SustainedSettings(limit_kwh=5, window=timedelta(seconds=3)))
    assert places(series(9, 9, 9), rules) == []
    assert places(series(9, 9, 9, 9, 9), rules) == [(3, 3, None)]


def test_sustained_is_the_mean_of_a_window_until_it_is_below_the_deadband() -> None:
    rules = rules_with(sustained=SustainedSettings(limit_kwh=5, deadband_kwh=1, window=timedelta(seconds=2)))
    # The means of two each:    -  5  5  6  5  4.5  4  4
    assert places(series(5, 5, 5, 7, 3, 6, 2, 6), rules) == [(3, 3, 6)]


def test_sustained_adds_exactly() -> None:
    rules = rules_with(
        overconsumption=OFF, sustained=SustainedSettings(limit_kwh=0.1, window=timedelta(seconds=3))
    )
    assert (0.1 + 0.1 + 0.1) / 3 > 0.1
    assert made(series(*[0.1] * 50), rules) == []
    assert len(made(series(*[0.1] * 49, 0.100000001), rules)) == 1


@pytest.mark.parametrize(
    ("midnight", "hours"), [("2026-03-28T23:00", 23), ("2026-06-14T22:00", 24), ("2026-10-24T22:00", 25)]
)
def test_a_budget_is_for_a_local_day_however_many_hours_it_has(midnight: str, hours: int) -> None:
    begin = utc(midnight)
    # One kWh each hour, from an hour before the day into the next one.
    readings = series(*[1.0] * (hours + 3), begin=begin - HOUR, step=HOUR)
    assert made(readings, rules_with(budget=BudgetSettings(limit_kwh=hours))) == []
    last, end = begin + (hours - 1) * HOUR, begin + hours * HOUR
    expected = Episode("budget", begin, last, end, 1.0)
    assert made(readings, rules_with(budget=BudgetSettings(limit_kwh=hours - 1))) == [expected]


def test_a_budget_of_a_month_ends_with_the_local_month() -> None:
    rules = rules_with(budget=BudgetSettings(limit_kwh=3, period="month"))
    readings = series(2, 1, 2, 4, 1, begin=utc("2026-10-31T19:30"), step=HOUR + HOUR / 4)
    october, november = utc("2026-09-30T22:00"), utc("2026-10-31T23:00")
    assert [seen.at for seen in readings[2:4]] == [utc("2026-10-31T22:00"), utc("2026-10-31T23:15")]
    assert made(readings, rules) == [
        Episode("budget", october, readings[2].at, readings[3].at, 2),
        Episode("budget", november, readings[3].at, None, 4),
    ]


def test_a_budget_is_exceeded_by_more_than_its_limit_only() -> None:
    assert 0.1 + 0.1 + 0.1 > 0.3
    assert made(series(0.1, 0.1, 0.1), rules_with(budget=BudgetSettings(limit_kwh=0.3))) == []
    assert len(made(series(0.1, 0.1, 0.1, 1e-9), rules_with(budget=BudgetSettings(limit_kwh=0.3)))) == 1


@pytest.mark.parametrize(
    ("at", "begin", "end"),
    [
        ("2026-03-28T23:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("2026-03-29T21:59:59.999", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("2026-03-29T22:00", "2026-03-29T22:00", "2026-03-30T22:00"),
        ("2026-10-25T01:30", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("2028-02-29T12:00", "2028-02-28T23:00", "2028-02-29T23:00"),
    ],
)
def test_days_in_berlin(at: str, begin: str, end: str) -> None:
    assert period_of(utc(at), BERLIN, BudgetSettings()) == (utc(begin), utc(end))


@pytest.mark.parametrize(
    ("at", "begin", "end"),
    [
        ("2026-03-15T12:00", "2026-02-28T23:00", "2026-03-31T22:00"),
        ("2026-01-31T22:59:59.999", "2025-12-31T23:00", "2026-01-31T23:00"),
        ("2026-12-31T23:00", "2026-12-31T23:00", "2027-01-31T23:00"),
        ("2028-02-10T00:00", "2028-01-31T23:00", "2028-02-29T23:00"),
    ],
)
def test_months_in_berlin(at: str, begin: str, end: str) -> None:
    assert period_of(utc(at), BERLIN, BudgetSettings(period="month")) == (utc(begin), utc(end))


@given(
    at=st.datetimes(utc("2010-01-01"), utc("2035-01-01")),
    # In some of these midnight comes twice or not at all, in one a day did not come at all.
    name=st.sampled_from(
        ["UTC", "America/Havana", "America/Santiago", "Asia/Beirut", "Pacific/Apia", "Asia/Kolkata"]
    ),
    period=st.sampled_from(["day", "month"]),
)
def test_a_period_is_what_has_one_local_date(at: datetime, name: str, period: str) -> None:
    def date(moment: datetime) -> str:
        local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(name))
        return f"{local:%Y-%m-%d}" if period == "day" else f"{local:%Y-%m}"

    begin, end = period_of(at, ZoneInfo(name), BudgetSettings.model_validate({"period": period}))
    assert begin <= at < end
    assert date(begin) == date(at) == date(end - MILLISECOND)
    assert date(begin - MILLISECOND) < date(at) < date(end)


def test_a_silence_is_some_expected_intervals_long() -> None:
    assert stale_after(2.0, StaleSettings()) == 10.0
    assert stale_after(2.0, StaleSettings(intervals=3)) == 6.0
    assert stale_after(2.0, StaleSettings(interval=MINUTE)) == 300.0
    assert stale_after(None, StaleSettings(interval=MINUTE)) == 300.0


def test_a_silence_has_a_shortest_length() -> None:
    assert stale_after(0.1, StaleSettings()) == 5.0
    assert stale_after(0.1, StaleSettings(at_least=MINUTE)) == 60.0
    assert stale_after(None, StaleSettings(interval=MILLISECOND)) == 5.0


def test_without_an_interval_nobody_knows_what_a_silence_is() -> None:
    assert stale_after(None, StaleSettings()) is None


def test_the_first_gap_is_the_interval() -> None:
    assert learn_interval(None, 2.0) == 2.0
    assert learn_interval(2.0, 2.0) == 2.0


def test_an_interval_is_quick_to_grow_and_slow_to_shrink() -> None:
    assert learn_interval(2.0, 4.0) == 3.0
    assert learn_interval(4.0, 2.0) == 3.75


def test_a_silence_misleads_an_interval_little() -> None:
    assert learn_interval(2.0, 86400.0) == learn_interval(2.0, 10.0) == 6.0


def test_an_interval_is_learned_again_when_a_sensor_is_set_to_another() -> None:
    slower, quicker = 1.0, 60.0
    for _ in range(30):
        slower, quicker = learn_interval(slower, 60.0), learn_interval(quicker, 1.0)
    assert slower == pytest.approx(60.0, rel=0.01)
    assert 1.0 < quicker < 5.0


@given(st.floats(0.001, 1e5), st.floats(0.001, 1e5))
def test_an_interval_stays_between_what_it_was_and_the_gap(interval_s: float, gap_s: float) -> None:
    after = learn_interval(interval_s, gap_s)
    assert min(interval_s, gap_s) * (1 - 1e-9) <= after <= max(interval_s, gap_s) * (1 + 1e-9)
    assert after <= 3 * interval_s * (1 + 1e-9)


def test_rejections_count_until_it_has_been_quiet() -> None:
    moments = [START, START + MILLISECOND, START + MINUTE]
    assert recent_rejections(moments, START + MINUTE, MINUTE) == moments
    assert recent_rejections(moments, START + MINUTE + MILLISECOND, MINUTE) == moments[1:]
    assert recent_rejections(moments, START + HOUR, MINUTE) == []
    assert recent_rejections([], START, MINUTE) == []


VALUES = [0.0, 0.1, 11.5, 11.9, 12.0, 12.000001, 12.5, 13.0, 15.0]
GAPS = st.one_of(
    st.sampled_from([MILLISECOND, SECOND, 2 * SECOND, MINUTE, 20 * MINUTE, HOUR, 5 * HOUR]),
    st.integers(1, 20 * 3600 * 1000).map(lambda count: count * MILLISECOND),
)
# Before days of 23 and 25 hours and the ends of months and of a year, and far from all of that.
BEGINS = st.sampled_from(
    ["2026-03-28T20:00", "2026-10-24T20:00", "2026-10-31T20:00", "2026-12-31T20:00", "2026-11-23T10:00"]
).map(utc)
DELAYS = st.sampled_from([timedelta(), timedelta(), MILLISECOND, SECOND, 3 * SECOND, MINUTE, HOUR])
COUNTS = st.integers(1, 3)
DEADBANDS = st.sampled_from([0.0, 0.1, 0.5])
OVERCONSUMPTION = st.builds(
    OverconsumptionSettings,
    on_readings=COUNTS,
    on_delay=DELAYS,
    deadband_kwh=DEADBANDS,
    off_readings=COUNTS,
    off_delay=DELAYS,
)
SUSTAINED = st.builds(
    SustainedSettings,
    limit_kwh=st.sampled_from([0.1, 6.0, 11.9, 12.0, 12.000001, 12.5]),
    deadband_kwh=DEADBANDS,
    window=st.sampled_from([MILLISECOND, SECOND, 3 * SECOND, 5 * MINUTE, 2 * HOUR, 24 * HOUR]),
)
BUDGET = st.builds(
    BudgetSettings,
    limit_kwh=st.sampled_from([0.1, 12.0, 24.0, 36.5, 60.0, 120.0]),
    period=st.sampled_from(["day", "month"]),
)
RULES = st.builds(
    rules_with,
    overconsumption=OVERCONSUMPTION,
    sustained=SUSTAINED,
    budget=BUDGET,
    stuck=st.builds(FlatlineSettings, readings=st.one_of(st.none(), st.integers(2, 4)), zeros=st.booleans()),
)
ZONES = st.sampled_from(["Europe/Berlin", "UTC", "Asia/Kolkata", "America/Havana"]).map(ZoneInfo)


@st.composite
def histories(draw: st.DrawFn) -> list[Seen]:
    """Readings in the order of their times; their threshold may have been another when they came."""
    at = draw(BEGINS)
    flagged_above_kwh = draw(st.sampled_from([THRESHOLD_KWH, 11.5, 12.5]))
    # Often all gaps of a history are alike, so that many readings lie in a window or a delay, and
    # the values are few, so that they repeat.
    gaps = draw(st.one_of(st.just(GAPS), GAPS.map(st.just)))
    values = st.sampled_from(draw(st.lists(st.sampled_from(VALUES), min_size=3, max_size=5)))
    fewest = draw(st.sampled_from([0, 20]))
    readings = []
    for value_kwh, gap in draw(st.lists(st.tuples(values, gaps), min_size=fewest, max_size=40)):
        at += gap
        readings.append(Seen(at, value_kwh, flagged(value_kwh, flagged_above_kwh)))
    return readings


@settings(max_examples=500, deadline=None)
@given(data=st.data(), readings=histories(), rules=RULES, zone=ZONES)
def test_rules_and_model_agree(
    data: st.DataObject, readings: list[Seen], rules: AllRuleSettings, zone: ZoneInfo
) -> None:
    in_any_order = data.draw(st.permutations(readings))
    assert folded(readings, rules, zone=zone) == episodes(in_any_order, rules, THRESHOLD_KWH, zone)


def test_deadband_is_measured_as_people_reckon_and_not_as_binary_fractions_do() -> None:
    for value_kwh, since in ((0.1, None), (0.1001, START)):
        state = overconsumption(deadband_kwh=11.9)
        state.step(measured(Seen(START, 13.0, above=True)), 12.0)
        state.step(measured(Seen(START + SECOND, value_kwh, above=False)), 12.0)
        assert state.since == since
