"""``sensor-node preview``: its curve fits the terminal, and its sums are right."""

import re
from datetime import date, datetime
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from broker.program.settings import read_settings
from sensor_node.preview.command import PROGRAM, draw, preview_command, summarize
from sensor_node.preview.curve import axis_kw, format_kw, resampled_kw, ticks
from sensor_node.preview.settings import PreviewSettings, winter_monday
from sensor_node.preview.svg import to_svg
from sensor_node.profiles import PROFILES, make_load
from sensor_node.settings import FIRST_SENSOR

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY_S = datetime(2026, 1, 12, tzinfo=BERLIN).timestamp()
DAY_S = 86_400
SVG = "{http://www.w3.org/2000/svg}"


def read(*arguments: str) -> PreviewSettings:
    return read_settings(PreviewSettings, arguments, PROGRAM)


@pytest.mark.parametrize("profile", PROFILES)
def test_curve_fits_80_columns(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--days", "1", "--interval", "1m"], ["--days", "365", "--interval", "24h"]):
        preview_command(["--profile", profile, "--from", "2026-01-12", *more])
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 80
        assert lines[0].startswith(profile)
        assert len(lines) == 16


def test_sums_are_those_of_the_readings(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--profile", "household", "--yearly-kwh", "4200", "--from", "2026-01-12", "--days", "3"]
    preview_command([*options, "--seed", "7", "--interval", "10m"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "household, 4,200 kWh per year"
    edges_s = MONDAY_S + 600 * np.arange(3 * 144 + 1.0)
    # The meter that a node with this seed begins with.
    settings = read(*options)
    energy_kwh = make_load("household", f"7:{FIRST_SENSOR}", 4200.0, settings.surroundings).energy_kwh(
        edges_s
    )
    told = [float(each) for each in re.findall(r"[\d.]+", lines[-1])]
    total_kwh = energy_kwh.sum()
    expected = [total_kwh, 3, energy_kwh.min() * 6, energy_kwh.max() * 6, total_kwh / 72]
    assert told == pytest.approx(expected, rel=0.01, abs=0.0006)
    assert lines[-1] == summarize(edges_s, energy_kwh)


def test_curve_is_as_high_as_the_power_and_where_it_is() -> None:
    # Half the time 10 kW, then nothing.
    edges_s = MONDAY_S + 3600 * np.arange(49.0)
    energy_kwh = np.repeat([10.0, 0.0], 24)
    lines = draw("x", edges_s, energy_kwh, BERLIN)
    assert lines[1].startswith("   10 kW┤⣿")
    assert lines[12].startswith("       0┤⣿")
    # 71 columns: the area ends in the middle of the 36th.
    assert [len(line) for line in lines[1:13]] == [9 + 36] * 12
    assert len(draw("x" * 100, edges_s, energy_kwh, BERLIN)[0]) == 80
    assert " ".join(lines[14].split()) == "Mon 12 06:00 12:00 18:00 Tue 13 06:00 12:00 18:00"
    assert lines[15] == "240.0 kWh in 48 h; power 0 to 10.0 kW, mean 5.00 kW"


def test_resampling_keeps_the_energy() -> None:
    edges_s = MONDAY_S + np.concatenate(([0.0], np.cumsum(np.arange(1.0, 101.0))))
    energy_kwh = np.arange(100.0)
    power_kw = resampled_kw(edges_s, energy_kwh, 37)
    hours = (edges_s[-1] - edges_s[0]) / 3600
    assert power_kw.mean() * hours == pytest.approx(energy_kwh.sum())


@pytest.mark.parametrize(
    ("most_kw", "expected"),
    [(0, [0, 1]), (3.7, [0, 1, 2, 3, 4]), (10, [0, 2.5, 5, 7.5, 10]), (0.05, [0, 0.02, 0.04, 0.06])],
)
def test_axis_has_round_numbers(most_kw: float, expected: list[float]) -> None:
    assert axis_kw(most_kw, 4) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("power_kw", "told"),
    [
        (0, "0"),
        (0.0042, "0.004"),
        (0.5, "0.50"),
        (0.9999, "1.00"),
        (9.6, "9.60"),
        (42, "42.0"),
        (4200, "4,200"),
    ],
)
def test_power_is_told_with_three_digits(power_kw: float, told: str) -> None:
    assert format_kw(power_kw) == told


def test_times_are_named_by_local_midnights() -> None:
    # A week in which clocks are put forward, on Sunday 29 March.
    begin = datetime(2026, 3, 27, tzinfo=BERLIN).timestamp()
    named = list(ticks(np.array([begin, begin + 5 * DAY_S - 3600]), BERLIN))
    assert [name for _, name in named] == ["Fri 27", "Sat 28", "Sun 29", "Mon 30", "Tue 31"]
    assert np.diff([at_s for at_s, _ in named]).tolist() == [DAY_S, DAY_S, DAY_S - 3600, DAY_S]
    months = [name for _, name in ticks(np.array([begin, begin + 90 * DAY_S]), BERLIN)]
    assert months == ["Apr", "May", "Jun"]


def test_picture_is_plain_svg_that_shows_each_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "office.svg"
    preview_command(["--profile", "office", "--days", "2", "--interval", "1h", "--svg", str(file)])
    assert " kWh in 48 h; " in capsys.readouterr().out
    text = file.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    assert {element.tag for element in root.iter()} == {
        f"{SVG}{name}" for name in ("svg", "title", "path", "text")
    }
    assert "href" not in text
    assert root.findtext(f"{SVG}title") == "office, 25,000 kWh per year"
    curve = [path.attrib["d"] for path in root.iter(f"{SVG}path") if path.get("fill") == "none"]
    assert [path.count("H") for path in curve] == [48]


@pytest.mark.parametrize(
    "title", ["<a> & b", "</title></svg><script>alert(1)</script>", "\"' onload='x", "]]>"]
)
def test_title_of_a_picture_does_nothing_whatever_it_holds(title: str) -> None:
    svg = to_svg(title, MONDAY_S + 900 * np.arange(4.0), np.array([0.0, 1.0, 0.5]), BERLIN)
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert root.findtext(f"{SVG}title") == title
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {"svg", "title", "path", "text"}
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]


@pytest.mark.parametrize("year", range(2024, 2032))
def test_default_is_a_monday_in_winter_without_holidays(year: int) -> None:
    day = winter_monday(date(year, 8, 31))
    assert (day.weekday(), day.month, day.year) == (0, 1, year)
    assert 8 <= day.day <= 14


def test_days_are_those_of_the_clock() -> None:
    begin, end = read("--from", "2026-03-29", "--days", "1").span(BERLIN)
    assert (end - begin).total_seconds() == 23 * 3600
    assert begin.isoformat() == "2026-03-28T23:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--profile", "house"], "--profile 'house': unknown profile; known are lari, household"),
        (["--from", "soon"], "--from 'soon': write a day as 2026-01-12"),
        (["--from", "1999-12-31"], "--from '1999-12-31': use a year from 2000 to 2100"),
        (["--interval", "10ms"], "--interval '10ms': an interval must be 1s to 24h"),
        (
            ["--interval", "1s", "--days", "30"],
            "--days '30': more than 200,000 readings; use a longer --interval",
        ),
        (["--holidays", "QQ"], "--holidays 'QQ': unknown country for public holidays"),
        (["--yearly-kwh", "3500"], "--yearly-kwh '3500': lari has a fixed distribution"),
        (
            ["--profile", "ev-charger", "--yearly-kwh", "2e6"],
            "--yearly-kwh '2e6': a charging point delivers at most 1,314,900 kWh per year; use several",
        ),
        (["--yearly-kwh", "0", "--profile", "office"], "--yearly-kwh '0': input should be greater than 0"),
        (["--days", "0"], "--days '0': input should be greater than or equal to 1"),
        (["--days", "367"], "--days '367': input should be less than or equal to 366"),
        (["--interval", "25h"], "--interval '25h': an interval must be 1s to 24h"),
        (["--time-zone", "Mars"], "--time-zone 'Mars': write a time zone as Europe/Berlin or UTC"),
        (["--seed", "one"], "--seed 'one': input should be a valid integer"),
        (["--frm", "2026-01-12"], "unrecognized arguments: --frm"),
    ],
)
def test_mistake_is_told_in_a_sentence(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        preview_command(arguments)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"sensor-node preview: {says}")
    assert err.count("\n") == 1


def test_picture_that_cannot_be_written_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file, why in ((tmp_path / "no" / "x.svg", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(SystemExit) as ended:
            preview_command(["--profile", "office", "--days", "1", "--svg", str(file)])
        assert ended.value.code == 1
        assert capsys.readouterr() == ("", f"sensor-node preview: {file} cannot be written ({why})\n")
