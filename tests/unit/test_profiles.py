"""Load profiles: their year, their days, and that energy adds up however time is cut."""

import random
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_node.profiles import DEFAULT_YEARLY_KWH, PROFILES, Surroundings, make_load, parse_holidays
from sensor_node.profiles.load import Edges
from sensor_node.profiles.local_year import local_year
from sensor_node.profiles.rng import Values, drift, seed_of, uniform
from sensor_node.profiles.shapes import energy_clock, flat, moments
from sensor_node.profiles.surroundings import is_southern

BERLIN = Surroundings(ZoneInfo("Europe/Berlin"), "DE")
NEW_YORK = Surroundings(ZoneInfo("America/New_York"), "US")
SYDNEY = Surroundings(ZoneInfo("Australia/Sydney"), "AU-NSW")
SHAPED = PROFILES[1:]
DAY_S, SLOT_S = 86_400, 900
MONDAY = datetime(2026, 1, 12, tzinfo=BERLIN.zone)
SUMMER_MONDAY = datetime(2026, 7, 13, tzinfo=BERLIN.zone)
CHANGES = ((3, 29), (10, 25))


def energy_kwh(
    profile: str,
    edges_s: Edges,
    key: str = "7:S-1",
    yearly_kwh: float | None = None,
    place: Surroundings = BERLIN,
) -> Values:
    return make_load(profile, key, yearly_kwh, place).energy_kwh(edges_s)


def slots(begin: datetime, days: float = 1) -> Edges:
    """Edges of quarters of an hour."""
    return begin.timestamp() + SLOT_S * np.arange(round(days * 96) + 1.0)


def year(number: int, place: Surroundings) -> Edges:
    """Edges of the quarters of an hour of a year."""
    begin_s, end_s = (datetime(each, 1, 1, tzinfo=place.zone).timestamp() for each in (number, number + 1))
    return np.arange(begin_s, end_s + 1, SLOT_S)


@pytest.mark.parametrize("profile", SHAPED)
@pytest.mark.parametrize(
    ("number", "yearly_kwh", "place"),
    [
        (2026, None, BERLIN),
        (2028, 800.0, BERLIN),
        (2024, None, NEW_YORK),
        (2027, None, SYDNEY),
        (2100, 90_000.0, Surroundings(ZoneInfo("UTC"), "none")),
    ],
)
@pytest.mark.parametrize("meters", [2, pytest.param(5, marks=pytest.mark.long)])
def test_year_has_the_energy_that_was_asked_for_and_none_is_negative(
    profile: str, number: int, yearly_kwh: float | None, place: Surroundings, meters: int
) -> None:
    wanted_kwh = DEFAULT_YEARLY_KWH[profile] if yearly_kwh is None else yearly_kwh
    for key in range(meters):
        energy = energy_kwh(profile, year(number, place), f"{number}:S-{key}", yearly_kwh, place)
        assert energy.min() >= 0
        assert energy.sum() == pytest.approx(wanted_kwh, rel=0.01)


def test_long_time_is_calculated_in_parts_that_fit() -> None:
    begin_s = year(2025, BERLIN)[0]
    # 900 days at once, and each part of them alone.
    edges_s = begin_s + 7.5 * DAY_S * np.arange(121.0)
    whole = energy_kwh("ev-charger", edges_s)
    assert np.allclose([energy_kwh("ev-charger", np.array(pair))[0] for pair in pairwise(edges_s)], whole)


@pytest.mark.parametrize("profile", SHAPED)
@settings(max_examples=25, deadline=None)
@given(
    # New Year's Eve, and the night when clocks are put forward, are in it.
    begin_s=st.one_of(st.floats(1_767_200_000, 1_767_250_000), st.floats(1_774_700_000, 1_774_800_000)),
    lengths_s=st.lists(st.floats(1, DAY_S), min_size=1, max_size=12),
)
def test_energy_adds_up_however_time_is_cut(profile: str, begin_s: float, lengths_s: list[float]) -> None:
    edges_s = begin_s + np.concatenate(([0.0], np.cumsum(lengths_s)))
    load = make_load(profile, "7:S-1", None, BERLIN)
    parts = load.energy_kwh(edges_s)
    assert parts.min() >= 0
    # Each alone, the last first, by the same load.
    alone = [load.energy_kwh(np.array(pair))[0] for pair in reversed(list(pairwise(edges_s)))]
    assert np.allclose(alone[::-1], parts, rtol=1e-7, atol=1e-10)
    assert load.energy_kwh(edges_s[[0, -1]])[0] == pytest.approx(parts.sum(), rel=1e-9)


@pytest.mark.parametrize("profile", SHAPED)
def test_energy_is_the_same_for_ever_and_for_each_meter_its_own(profile: str) -> None:
    edges_s = slots(MONDAY, 14)
    again = energy_kwh(profile, edges_s)
    assert np.array_equal(energy_kwh(profile, edges_s), again)
    for key in ("8:S-1", "7:S-2"):
        assert not np.allclose(energy_kwh(profile, edges_s, key), again, rtol=0.001)


def test_chance_keeps_its_meaning_over_versions() -> None:
    # The first value of SplitMix64 with the seed 0, as published with its reference implementation.
    assert uniform(0, np.array([1]))[0] == (0xE220A8397B1DCDAF >> 11) * 2.0**-53
    assert seed_of("7:S-1", "gain") == int.from_bytes(bytes.fromhex("b1bb798a0e462743"), "little")
    whole = drift(5, 1_000, 500, 40)
    assert np.array_equal(whole[123:], drift(5, 1_123, 377, 40))


def test_clock_that_runs_with_the_energy_can_be_read_both_ways() -> None:
    minutes = [
        MONDAY.timestamp() / 60 + 1_234.5,
        datetime(2027, 1, 1, tzinfo=BERLIN.zone).timestamp() / 60 + 5,
    ]
    shown = np.array([energy_clock(flat, BERLIN, minute) for minute in minutes])
    assert [int(each) for each in shown] == [2026, 2027]
    assert moments(flat, BERLIN, shown) == pytest.approx(minutes, abs=0.001)


def test_day_when_clocks_change_is_shorter_or_longer_and_keeps_its_hours() -> None:
    local = local_year(2026, BERLIN)
    assert len(local.minute) == 365 * 96
    quarters = list(range(0, 1440, 15))
    night = quarters[8:12]
    # In 2026 clocks are put forward on 29 March and back on 25 October, both Sundays.
    forward, back = (local.minute[local.day == date(2026, *day).timetuple().tm_yday - 1] for day in CHANGES)
    assert forward.tolist() == quarters[:8] + quarters[12:]
    assert back.tolist() == quarters[:12] + night + quarters[12:]
    # The office opens by the clock, on the Friday before as on the Monday after.
    days = [datetime(2026, *day, tzinfo=BERLIN.zone) for day in ((3, 27), (3, 30), (10, 23), (10, 26))]
    opens = [int(np.argmax(energy_kwh("office", slots(day)) > 0.75)) for day in days]
    assert opens == pytest.approx([29, 29, 29, 29], abs=1)


@pytest.mark.parametrize(
    ("zone", "south"),
    [
        ("Europe/Berlin", False),
        ("America/Sao_Paulo", True),
        ("Australia/Sydney", True),
        ("Africa/Johannesburg", True),
        ("Asia/Tokyo", False),
        # Other names of zones.
        ("Brazil/East", True),
        ("NZ", True),
        ("US/Eastern", False),
        # Nowhere in particular.
        ("UTC", False),
        ("Etc/GMT+3", False),
    ],
)
def test_half_of_the_earth_follows_from_the_time_zone(zone: str, south: bool) -> None:
    assert is_southern(zone) is south


@pytest.mark.parametrize(
    "profile", ["household", "office", "cold-store", "ev-charger", "workshop", "server-room"]
)
@pytest.mark.parametrize("number", [2026, 2028])
def test_seasons_of_the_south_are_half_a_year_away(profile: str, number: int) -> None:
    def january_to_july(zone: str) -> float:
        place = Surroundings(ZoneInfo(zone), "none")

        def mean_kwh(month: int) -> float:
            edges_s = slots(datetime(number, month, 2, tzinfo=place.zone), 28)
            meters = (energy_kwh(profile, edges_s, f"7:S-{key}", place=place).sum() for key in range(20))
            return float(np.mean(list(meters)))

        return mean_kwh(1) / mean_kwh(7)

    north, south = january_to_july("Europe/Berlin"), january_to_july("Australia/Sydney")
    # The weather of each place is its own.
    assert 1 / south == pytest.approx(north, rel=0.15)
    assert not 0.985 < north < 1.015


@pytest.mark.parametrize("number", [2026, 2028, 2030])
def test_weekdays_and_holidays_of_the_south_are_its_own(number: int) -> None:
    south = local_year(number, SYDNEY)
    _, first = np.unique(south.day, return_index=True)
    weekday, off = (date(number, 1, 1).weekday() + south.day[first]) % 7, south.weekday[first] == 6
    g1 = np.bincount(south.day, south.standard["g1"]) / np.bincount(south.day)
    assert off[weekday == 6].all()
    holidays = off & (weekday < 6)
    # Good Friday, Easter Monday and Anzac Day among them.
    assert 5 <= holidays.sum() <= 15
    assert g1[holidays].mean() == pytest.approx(g1[weekday == 6].mean(), rel=0.15)
    assert g1[off].max() < 0.7 * g1[(weekday < 5) & ~off].min()


@pytest.mark.parametrize("profile", ["office", "workshop"])
def test_holiday_is_as_a_sunday(profile: str) -> None:
    def day_kwh(month: int, day: int, holidays: str) -> float:
        begin = datetime(2026, month, day, tzinfo=BERLIN.zone)
        return float(energy_kwh(profile, slots(begin), place=Surroundings(BERLIN.zone, holidays)).sum())

    # Labour Day is a Friday, but none in Denmark.
    sunday, labour_day = day_kwh(5, 3, "DE"), day_kwh(5, 1, "DE")
    assert labour_day == pytest.approx(sunday, rel=0.1)
    assert min(day_kwh(5, 1, "DK"), day_kwh(4, 24, "DE")) > 2 * labour_day
    # Epiphany, a Tuesday, is one in Bavaria but not in all of Germany.
    bavaria = day_kwh(1, 6, "DE-BY")
    assert bavaria == pytest.approx(day_kwh(1, 11, "DE-BY"), rel=0.1)
    assert day_kwh(1, 6, "DE") > 2.5 * bavaria


def test_office_works_on_working_days_with_lunch_and_a_base_at_night() -> None:
    week_kw = energy_kwh("office", slots(MONDAY, 7)).reshape(7, 24, 4).mean(axis=2) * 4
    night, morning, lunch = week_kw[:5, :5].mean(), week_kw[:5, 9:12].mean(), week_kw[:5, 13].mean()
    assert 0.08 < night / morning < 0.25
    assert lunch < 0.85 * morning
    assert week_kw[5:].mean() < 1.3 * night


def test_workshop_rests_in_breaks_at_night_and_at_weekends_but_its_air_leaks() -> None:
    week_kw = energy_kwh("workshop", slots(MONDAY, 7)).reshape(7, 96) * 4
    shift, lunch = week_kw[:5, 40:47].mean(), week_kw[:5, 48:51].mean()
    assert lunch < 0.6 * shift
    nights = np.concatenate((week_kw[:, :27].ravel(), week_kw[:, 66:].ravel(), week_kw[5:].ravel()))
    assert nights.mean() < 0.1 * shift
    # A compressor comes on now and then.
    assert np.quantile(nights, 0.95) > 2 * np.quantile(nights, 0.05)


def test_server_room_is_nearly_flat_and_needs_more_cooling_in_summer() -> None:
    winter, summer = (energy_kwh("server-room", slots(begin, 7)) for begin in (MONDAY, SUMMER_MONDAY))
    assert winter.std() < 0.05 * winter.mean()
    assert 1.05 < summer.mean() / winter.mean() < 1.4


def test_cold_store_runs_in_cycles_all_day_and_more_in_summer() -> None:
    winter, summer = (energy_kwh("cold-store", slots(begin, 7)) for begin in (MONDAY, SUMMER_MONDAY))
    assert 1.1 < summer.mean() / winter.mean() < 1.8
    minutes_kw = energy_kwh("cold-store", MONDAY.timestamp() + 60 * np.arange(1441.0)) * 60
    starts = np.diff((minutes_kw > minutes_kw.mean()).astype(int)) == 1
    assert 20 < starts.sum() < 80
    assert minutes_kw.min() > 0


def test_household_is_a_single_home() -> None:
    minutes_kw = energy_kwh("household", MONDAY.timestamp() + 60 * np.arange(7 * 1440 + 1.0)) * 60
    mean_kw = minutes_kw.mean()
    assert 0.1 * mean_kw < minutes_kw.min() < 0.2 * mean_kw
    assert 2.0 < minutes_kw.max() < 10.0
    # Most of the time only little is on.
    assert np.median(minutes_kw) < 0.75 * mean_kw


@pytest.mark.parametrize("begin", [MONDAY, SUMMER_MONDAY])
def test_many_households_follow_the_standard_profile(begin: datetime) -> None:
    edges_s = slots(begin, 7)
    mean = np.mean([energy_kwh("household", edges_s, str(key)) for key in range(300)], axis=0)
    local = local_year(2026, BERLIN)
    first = round(begin.timestamp() / 60 - local.first_min) // 15
    h0 = local.standard["h0_dyn"]
    expected = h0[first : first + len(mean)] / h0.sum() * DEFAULT_YEARLY_KWH["household"]
    hours, standard = (each.reshape(-1, 8).sum(axis=1) for each in (mean, expected))
    assert np.corrcoef(hours, standard)[0, 1] > 0.97
    assert mean.sum() == pytest.approx(expected.sum(), rel=0.03)
    assert np.abs(hours / standard - 1).mean() < 0.08


def test_car_charges_some_evenings_at_constant_power_and_tapers_off() -> None:
    edges_s = MONDAY.timestamp() + 60 * np.arange(28 * 1440 + 1.0)
    evening = sessions = 0
    for key in range(20):
        power_kw = energy_kwh("ev-charger", edges_s, f"7:{key}") * 60
        full_kw = min((3.7, 11.0, 22.0), key=lambda kw: abs(kw - power_kw.max()))
        assert 0.003 < power_kw.min() < 0.005
        starts = np.flatnonzero(np.diff((power_kw > 0.05).astype(int)) == 1)
        assert 6 <= len(starts) <= 22
        assert np.isclose(power_kw, 0.4 * full_kw, rtol=0.02).any()
        sessions += len(starts)
        evening += int(np.sum((starts % 1440 > 15 * 60) & (starts % 1440 < 23 * 60)))
    assert 0.55 < evening / sessions < 0.9


@pytest.mark.parametrize(
    ("yearly_kwh", "most"),
    [(2_500.0, 0.1), (30_000.0, 0.6), (100_000.0, 0.65), (500_000.0, 0.65), (1_314_900.0, 0.65)],
)
def test_cars_wait_so_that_no_charging_point_gives_more_than_it_can(yearly_kwh: float, most: float) -> None:
    edges_s = MONDAY.timestamp() + 60 * np.arange(200 * 1440 + 1.0)
    for key in range(12):
        load = make_load("ev-charger", f"7:{key}", yearly_kwh, BERLIN)
        power_kw = load.energy_kwh(edges_s) * 60
        assert any(
            power_kw.max() == pytest.approx(kw, rel=0.012) for kw in (3.7, 11.0, 22.0, 50.0, 150.0, 300.0)
        )
        assert np.mean(power_kw > 0.05) < most
        # The same in short parts, with only some of the cars in view.
        parts = [load.energy_kwh(np.array(pair))[0] for pair in pairwise(edges_s[:2881:30])]
        assert np.allclose(parts, power_kw[:2880].reshape(-1, 30).mean(axis=1) / 2)


@pytest.mark.parametrize(("profile", "ratio"), [("household", 1.1), ("office", 0.7), ("ev-charger", 1.02)])
def test_season_changes_what_is_used(profile: str, ratio: float) -> None:
    edges = [slots(begin, 28) for begin in (MONDAY, SUMMER_MONDAY)]
    winter, summer = (sum(energy_kwh(profile, each, str(key)).sum() for key in range(8)) for each in edges)
    assert ratio < winter / summer < ratio + 0.6


def test_laboratory_has_40_percent_peaks_whatever_the_interval() -> None:
    values = energy_kwh("lari", np.arange(20_001.0), "7")
    peaks = values[values >= 8.0]
    assert 0.39 < len(peaks) / len(values) < 0.41
    assert all(0.8 <= value <= 2.5 or 8.0 <= value <= 15.0 for value in values)
    assert all(round(value, 2) == value for value in values)
    # Uniform: 3 of the 7 kWh of a peak's range are above the threshold.
    assert 0.41 < np.mean(peaks > 12.0) < 0.45


def test_laboratory_draws_one_value_after_the_other() -> None:
    load = make_load("lari", "7:S-1", None, BERLIN)
    drawn = [load.energy_kwh(np.array([0.0, 2.0]))[0] for _ in range(10)]
    assert np.array_equal(energy_kwh("lari", np.arange(0, 99_000, 9_000.0))[:10], drawn)
    assert not np.array_equal(energy_kwh("lari", np.arange(11.0), "7:S-2"), drawn)
    rng = random.Random("7:S-1")
    assert drawn == [
        round(rng.uniform(8.0, 15.0) if rng.random() < 0.4 else rng.uniform(0.8, 2.5), 2) for _ in range(10)
    ]


def test_nobody_waits_for_pandas_who_needs_none() -> None:
    code = (
        "import sys, sensor_node.__main__; from zoneinfo import ZoneInfo; from numpy import arange;"
        "from sensor_node.profiles import *; place = Surroundings(ZoneInfo('UTC'), 'none');"
        "make_load('lari', '7', None, place).energy_kwh(arange(9.0));"
        "print([name for name in ('pandas', 'demandlib', 'holidays') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert said.stdout == "[]\n"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: parse_holidays("QQ"), "unknown country for public holidays"),
        (lambda: parse_holidays("DE-XX"), "unknown region of DE for public holidays; known"),
        (lambda: parse_holidays("DE-"), "unknown region of DE"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize("text", ["DE", "DE-BY", "US-CA", "none"])
def test_country_and_its_part_are_known(text: str) -> None:
    assert parse_holidays(text) == text
