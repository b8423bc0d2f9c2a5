"""What pages write and draw, and who may come in."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from broker.messages import IngestorStatus
from ingestor.documents import SensorDocument, to_measure
from monitor.formatting import chart_ms, format_age, format_clock, format_energy, format_power
from monitor.live.live_sensor import LiveSensor
from monitor.queries.database import TimeRange
from monitor.queries.energy import HeatCell
from monitor.queries.readings import Resolution
from monitor.queries.time_buckets import bucket_starts
from monitor.web.auth.sessions import Authenticator
from monitor.web.html import escape_html
from monitor.web.ingestors import IngestorReport
from monitor.web.sensor_history import HistoryPoint, SensorHistory
from monitor.web.widgets.charts import heat_chart, history_chart, totals_chart
from monitor.web.widgets.rejected_list import payload_text
from monitor.web.widgets.sensor_grid import sparkline_svg, tile_class, tile_html
from tests.fault_points.web import MOST_TOKENS
from tests.unit.test_ingestor import PLACE, reading, written

NOW = datetime(2026, 11, 23, 10, 0, 0, 123000)  # noqa: DTZ001
HERE = "127.0.0.1"
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("kwh", "text"),
    [
        (0, "0.00 kWh"),
        (0.0033, "0.0033 kWh"),
        (1.824, "1.82 kWh"),
        (12.24, "12.2 kWh"),
        (1234.5, "1,234 kWh"),
        (12_345, "12.3 MWh"),
    ],
)
def test_energy_has_a_fitting_unit(kwh: float, text: str) -> None:
    assert format_energy(kwh) == text
    assert format_power(kwh) == text.replace("Wh", "W")


def test_power_that_is_not_known_is_a_dash() -> None:
    assert format_power(None) == "—"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (59.4, "59 s"), (60, "1 min"), (7200, "2 h"), (86400 * 3, "3 d")]
)
def test_age_is_short(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


def test_times_are_those_of_the_clocks_of_the_zone() -> None:
    assert format_clock(NOW, BERLIN) == "2026-11-23 11:00:00"
    assert chart_ms(NOW, BERLIN) - chart_ms(NOW, UTC) == 3_600_000
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, tzinfo=None)
    assert format_clock(today, UTC) == "12:00:00"


def test_text_from_outside_is_no_markup() -> None:
    assert escape_html('<a href="x">&\u202e\x1b') == "&lt;a href=&quot;x&quot;&gt;&amp;\\u202e\\u001b"
    assert payload_text(b"\xff\x1b[31m\n{}") == "\ufffd\\u001b[31m\n{}"
    assert payload_text(b'{\r\n\t"a": 1}') == '{\n\t"a": 1}'


def test_rejected_payload_can_be_sent_again_as_it_is_shown() -> None:
    odd = "Room\u00a07 \u202e\U000e0001\u007f"
    payload = json.dumps({"location": odd}, ensure_ascii=False)
    assert json.loads(payload_text(payload.encode())) == json.loads(payload)
    assert payload_text(payload.encode()).isprintable()


def sensor(*values_kwh: float, location: str = "Room 1") -> LiveSensor:
    """Its last reading is of now, the others each a minute before."""
    made = LiveSensor("Meter-1")
    made.update(SensorDocument(sensor_id="Meter-1", site="lari", location=location, status="online"))
    for number, value in enumerate(values_kwh):
        moment = NOW - timedelta(minutes=len(values_kwh) - 1 - number)
        made.add([to_measure(reading(value), PLACE, written(moment), 12.0 if value > 12 else None, moment)])
    return made


def test_tile_tells_the_last_reading_and_what_is_wrong() -> None:
    tile = tile_html(sensor(1.0, 13.5), "major", NOW)
    assert '<span class="chip major">major</span>' in tile
    assert "13.50 <small>kWh" in tile
    assert ">0 s ago<" in tile
    assert "810.0 kW" in tile
    assert tile.count("<circle") == 1


def test_tile_of_a_sensor_that_never_spoke() -> None:
    assert tile_class(sensor(), None, NOW) == "stale"
    assert "never" in tile_html(sensor(), None, NOW)


@pytest.mark.parametrize(
    ("value", "severity", "look"),
    [(1.0, None, "online"), (13.5, None, "anomaly"), (13.5, "major", "major"), (1.0, "minor", "minor")],
)
def test_tile_looks_like_the_worst_that_is_so(value: float, severity: str | None, look: str) -> None:
    assert tile_class(sensor(value), severity, NOW) == look


def test_tile_of_a_hostile_place_is_text() -> None:
    assert "<img" not in tile_html(sensor(1.0, location="<img src=x onerror=alert(1)>"), None, NOW)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_spark_needs_two_values(values: list[float]) -> None:
    assert "polyline" not in sparkline_svg(values, None)


def test_spark_goes_from_zero_to_its_highest_value() -> None:
    assert 'points="0.0,22.0 50.0,2.0 100.0,12.0"' in sparkline_svg([0.0, 10.0, 5.0], None)


def history(*values_kwh: float, resolution: Resolution = "raw") -> SensorHistory:
    """Its last value is of now, the others each an hour before; 13 kWh is too much."""
    points = [
        HistoryPoint(NOW - timedelta(hours=len(values_kwh) - 1 - number), kwh, kwh + 1.0, 1, kwh >= 13.0)
        for number, kwh in enumerate(values_kwh)
    ]
    return SensorHistory(resolution, points)


def test_chart_of_readings_has_the_threshold_and_marks_what_is_above() -> None:
    line, marks = history_chart(history(1.0, 13.0), 12.0, UTC)["series"]
    assert line["markLine"]["data"] == [{"yAxis": 12.0}]
    assert [value for _, value in line["data"]] == [1.0, 13.0]
    assert marks["data"] == [(chart_ms(NOW, UTC), 13.0)]


def test_chart_without_a_threshold_has_no_line_for_it() -> None:
    assert "markLine" not in history_chart(history(1.0, 13.0), None, UTC)["series"][0]


def test_threshold_far_above_all_readings_does_not_squash_them() -> None:
    chart = history_chart(history(0.003, 0.0032), 12.0, UTC)
    assert "markLine" not in chart["series"][0]
    assert [value for _, value in chart["series"][0]["data"]] == [0.003, 0.0032]
    assert chart["yAxis"]["max"] == 0.0035


@pytest.mark.parametrize(
    ("highest_kwh", "top"),
    [(0.0, 1), (0.00017, 0.00019), (0.5, 0.54), (0.55, 0.6), (0.6, 13), (13.0, 15), (5e-324, 1e-6)],
)
def test_axis_ends_just_above_what_is_shown(highest_kwh: float, top: float) -> None:
    assert history_chart(history(highest_kwh), 12.0, UTC)["yAxis"]["max"] == top


def test_chart_of_hours_has_the_energy_too() -> None:
    chart = history_chart(history(1.0, 13.0, resolution="hourly"), 12.0, UTC)
    assert [each["name"] for each in chart["series"]] == [
        "energy per hour",
        "hourly peak",
        "anomaly",
    ]
    assert [value for _, value in chart["series"][0]["data"]] == [2.0, 14.0]
    assert len(chart["yAxis"]) == 2


def test_bars_of_others_are_grey() -> None:
    bars = totals_chart(["Mon"], {"lari": [1.0], "others": [2.0]})["series"]
    assert [each["name"] for each in bars] == ["lari", "others"]
    assert bars[0]["color"] != bars[1]["color"]


def test_week_begins_on_monday_at_the_top() -> None:
    chart = heat_chart([HeatCell(1, 8, 2.0), HeatCell(7, 23, 1.0)])
    assert chart["yAxis"]["data"][6] == "Mon"
    assert chart["series"][0]["data"] == [[8, 6, 2.0], [23, 0, 1.0]]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_bars_begin_at_midnights_also_when_clocks_are_changed() -> None:
    span = TimeRange(moment("2026-10-24T10:00"), moment("2026-10-27T10:00"))
    days, weeks = (bucket_starts(span, unit, BERLIN) for unit in ("day", "week"))
    assert [f"{each:%d %H}" for each in days] == ["23 22", "24 22", "25 23", "26 23"]
    assert [f"{each:%d %H}" for each in weeks] == ["18 22", "25 23"]
    hours = bucket_starts(TimeRange(moment("2026-10-24T23:30"), moment("2026-10-25T02:30")), "hour", BERLIN)
    assert [f"{each:%H:%M}" for each in hours] == ["23:00", "00:00", "01:00", "02:00"]


def test_books_that_do_not_balance_say_how_much_is_missing() -> None:
    books = {"stored": 5, "duplicates": 1, "rejected": 1, "pending": 1}
    assert IngestorReport(IngestorStatus(state="online", received=10, **books), NOW).imbalance == 2
    assert IngestorReport(IngestorStatus(state="online", received=8, **books), NOW).imbalance == 0
    assert IngestorReport(IngestorStatus(state="offline"), NOW).imbalance is None


async def test_password_opens_for_its_user_only() -> None:
    door = Authenticator({"viewer": "look", "operator": "act"})
    assert await door.log_in("operator", "look", HERE) is None
    assert await door.log_in("nobody", "look", HERE) is None
    token = await door.log_in("viewer", "look", HERE)
    assert token is not None
    person = door.session_of(token)
    assert person is not None
    assert (person.role, person.may_operate) == ("viewer", False)
    assert door.session_of(token + "x") is None
    door.log_out(token)
    assert door.session_of(token) is None


async def test_token_is_good_for_twelve_hours() -> None:
    now_s = 1000.0
    door = Authenticator({"viewer": "look", "operator": "act"}, lambda: now_s)
    token = await door.log_in("operator", "act", HERE)
    assert token is not None
    person = door.session_of(token)
    assert person is not None
    now_s += 12 * 3600 - 1
    assert person.may_operate is True
    now_s += 1
    assert (person.may_operate, door.session_of(token)) == (False, None)


async def test_who_has_logged_out_may_do_nothing_on_pages_that_are_still_open() -> None:
    door = Authenticator({"viewer": "look", "operator": "act"})
    token = await door.log_in("operator", "act", HERE)
    assert token is not None
    person = door.session_of(token)
    assert person is not None
    assert person.may_operate is True
    door.log_out(token)
    await person.ended()
    assert person.may_operate is False


@MOST_TOKENS.replace(2)
async def test_viewers_who_log_in_for_ever_send_no_operator_away() -> None:
    door = Authenticator({"viewer": "look", "operator": "act"})
    tokens = [
        await door.log_in(user, word, HERE) for user, word in [("operator", "act"), *[("viewer", "look")] * 3]
    ]
    assert [door.session_of(each) is not None for each in tokens if each] == [True, False, True, True]


def test_no_password_is_kept() -> None:
    door = Authenticator({"viewer": "look-only-please", "operator": "look-and-act-too"})
    assert "look" not in repr(vars(door))
