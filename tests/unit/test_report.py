"""The report: which time it is of, what it says, and that what comes from outside stays text."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from broker.program.settings import read_settings
from broker.topics import SensorKey
from ingestor.alarms.episode import begin
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.alarms.rules.stale import STALE
from ingestor.documents import AlarmDocument, SensorDocument
from monitor.formatting import format_change, format_duration, format_kwh, format_share
from monitor.queries.energy import EnergyTotal, Peak
from monitor.report.command import check_file, chosen_time
from monitor.report.content import KeyFigure, Report
from monitor.report.data import ReportData, per_bucket
from monitor.report.energy_sections import build_report
from monitor.report.html_page import render_html
from monitor.report.period import HOUR, ReportPeriod, Unit
from monitor.report.settings import ReportSettings, chosen_day
from monitor.report.text_page import render_text

BERLIN, KOLKATA, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")
NOW = datetime(2026, 11, 25, 13, 20, 5)  # noqa: DTZ001 - as in documents
MIDNIGHT = datetime(2026, 11, 25)  # noqa: DTZ001
TODAY = ReportPeriod.around(date(2026, 11, 25), "day", UTC_ZONE, NOW)
YESTERDAY = ReportPeriod.around(date(2026, 11, 24), "day", UTC_ZONE, NOW)
HOSTILE = "\x1b[31m</table><script>alert(1)</script><img src=x onerror=alert(1)>\u202e&amp;"
LONG = "L" * 64


def total(
    start: datetime, who: str = "lari", energy_kwh: float = 1.0, readings: int = 10, anomalies: int = 0
) -> EnergyTotal:
    return EnergyTotal(start, who, energy_kwh, readings, energy_kwh / 2, anomalies)


def sensor(name: str = "Sensor-1", **known: object) -> SensorDocument:
    document: SensorDocument = {"sensor_id": name, "site": "lari", "interval_s": 2.0, "last_reading": NOW}
    document.update(known)  # type: ignore[typeddict-item]  # fields by their names
    return document


def alarm(rule: str = "silent", since: datetime = MIDNIGHT, /, **changes: object) -> AlarmDocument:
    document = begin(SensorKey("lari", "Sensor-1"), rule, AllRuleSettings().of(STALE), since, since)
    document.update(changes)  # type: ignore[typeddict-item]  # fields by their names
    return document


def figures(when: ReportPeriod = TODAY, **changes: object) -> ReportData:
    known: dict[str, object] = {
        "sites": (),
        "hours": (),
        "hours_before": (),
        "by_sensor": (),
        "peak": None,
        "alarms": (),
        "sensors": (),
        "rejected": {},
    }
    return ReportData(when, **{**known, **changes})  # type: ignore[arg-type]  # fields by their names


def facts_of(page: Report) -> dict[str, str]:
    every: list[KeyFigure] = [*page.facts, *(fact for section in page.sections for fact in section.facts)]
    return {fact.label: f"{fact.value} {fact.detail}".strip() for fact in every}


def rows_of(page: Report, title: str) -> Sequence[Sequence[str]]:
    table = next(section.table for section in page.sections if section.title == title)
    return table.rows if table else ()


@pytest.mark.parametrize(
    ("day", "unit", "zone", "first", "hours", "name"),
    [
        ("2026-11-25", "day", BERLIN, "2026-11-24T23:00", 24, "Wednesday, 25 November 2026"),
        ("2026-03-29", "day", BERLIN, "2026-03-28T23:00", 23, "Sunday, 29 March 2026"),
        ("2026-10-25", "day", BERLIN, "2026-10-24T22:00", 25, "Sunday, 25 October 2026"),
        ("2026-11-25", "week", BERLIN, "2026-11-22T23:00", 7 * 24, "23 to 29 November 2026"),
        ("2026-11-29", "week", UTC_ZONE, "2026-11-23T00:00", 7 * 24, "23 to 29 November 2026"),
        ("2026-01-01", "week", UTC_ZONE, "2025-12-29T00:00", 7 * 24, "29 December 2025 to 4 January 2026"),
        ("2024-02-29", "month", UTC_ZONE, "2024-02-01T00:00", 29 * 24, "February 2024"),
        ("2026-11-25", "day", KOLKATA, "2026-11-24T18:30", 24, "Wednesday, 25 November 2026"),
    ],
)
def test_time_is_of_whole_days_of_the_zone(
    day: str, unit: Unit, zone: ZoneInfo, first: str, hours: int, name: str
) -> None:
    when = ReportPeriod.around(date.fromisoformat(day), unit, zone, NOW)
    assert when.whole.first == datetime.fromisoformat(first)
    assert when.whole.end - when.whole.first == timedelta(hours=hours)
    assert when.name == name


@pytest.mark.parametrize(("zone", "day", "hours"), [(BERLIN, "03-29", 23), (BERLIN, "10-25", 25)])
def test_day_has_as_many_hours_as_its_clock_shows(zone: ZoneInfo, day: str, hours: int) -> None:
    when = ReportPeriod.around(date.fromisoformat(f"2026-{day}"), "day", zone, NOW)
    assert len(when.buckets) == hours
    assert [when.bucket_name(start) for start in (when.buckets[0], when.buckets[-1])] == ["00:00", "23:00"]


def test_hour_of_a_zone_with_half_hours_belongs_to_the_day_in_which_it_begins() -> None:
    when = ReportPeriod.around(date(2026, 11, 24), "day", KOLKATA, NOW)
    assert [when.bucket_name(start) for start in (when.buckets[0], when.buckets[-1])] == ["00:30", "23:30"]
    assert all(when.whole.first <= start < when.whole.end for start in when.buckets)
    week = ReportPeriod.around(date(2026, 11, 24), "week", KOLKATA, NOW)
    assert per_bucket([total(start) for start in when.buckets], week) == [None, 24.0, *[None] * 5]


@pytest.mark.parametrize(
    ("unit", "before", "until", "until_before"),
    [
        ("day", "Tuesday, 24 November 2026", "2026-11-25T13:00", "2026-11-24T13:00"),
        ("week", "16 to 22 November 2026", "2026-11-25T13:00", "2026-11-18T13:00"),
        ("month", "2 to 31 October 2026", "2026-11-25T13:00", "2026-10-26T13:00"),
    ],
)
def test_what_goes_on_is_compared_up_to_its_last_full_hour(
    unit: Unit, before: str, until: str, until_before: str
) -> None:
    when = ReportPeriod.around(date(2026, 11, 25), unit, BERLIN, NOW)
    assert when.is_so_far
    assert when.before.name == before
    assert when.compared.end == datetime.fromisoformat(until)
    assert when.compared_before.end == datetime.fromisoformat(until_before)


def test_what_is_over_is_compared_as_a_whole() -> None:
    assert not YESTERDAY.is_so_far
    assert YESTERDAY.compared == YESTERDAY.whole
    assert YESTERDAY.compared_before == YESTERDAY.before.whole


def test_report_says_first_what_was_used_and_how_much_more_than_before() -> None:
    hours = [total(MIDNIGHT + number * HOUR, energy_kwh=number) for number in range(14)]
    before = [
        total(MIDNIGHT + number * HOUR - timedelta(days=1), energy_kwh=number / 2) for number in range(24)
    ]
    peak = Peak("Sensor-1", "lari", MIDNIGHT, 14.98)
    page = build_report(figures(hours=hours, hours_before=before, peak=peak))
    assert page.title == "Wednesday, 25 November 2026, so far"
    assert facts_of(page) | {
        "Energy": "91.0 kWh so far",
        "Change": "+100.0 % until 13:00",
        "Day before": "39.0 kWh on Tuesday, 24 November 2026, until 13:00",
        "Average": "6.00 kWh per hour",
        "Highest hour": "13.0 kWh from 13:00 to 14:00",
        "Highest reading": "14.98 kWh by Sensor-1, 00:00 to 01:00",
        "Anomalies": "0 of 140",
    } == facts_of(page)
    assert page.facts[0].label == "Energy"


def test_missing_hours_of_the_time_before_are_told() -> None:
    hours = [total(start) for start in YESTERDAY.buckets]
    page = build_report(figures(YESTERDAY, hours=hours, hours_before=[total(YESTERDAY.before.buckets[5])]))
    assert facts_of(page)["Day before"].endswith("Monday, 23 November 2026, 23 hours without readings")
    nothing = build_report(figures(YESTERDAY, hours=hours))
    assert facts_of(nothing)["Change"] == "unknown no readings on Monday, 23 November 2026"


def test_sites_and_sensors_that_used_most_come_first() -> None:
    hours = [
        total(MIDNIGHT, "annex", 1.0),
        total(MIDNIGHT, "lari", 3.0),
        total(MIDNIGHT + HOUR, "annex", 1.0),
    ]
    before = [total(MIDNIGHT - timedelta(days=1), "annex", 4.0)]
    by_sensor = [total(MIDNIGHT, f"Sensor-{number}", number) for number in range(20)]
    known = [sensor("Sensor-19", location="by its readings", own_location="Room 7")]
    page = build_report(figures(hours=hours, hours_before=before, by_sensor=by_sensor, sensors=known))
    assert [row[:4] for row in rows_of(page, "Sites")] == [
        ("lari", "3.00", "60.0 %", ""),
        ("annex", "2.00", "40.0 %", "-50.0 %"),
    ]
    top = rows_of(page, "Top consumers")
    assert [row[0] for row in top] == [f"Sensor-{number}" for number in range(19, 9, -1)]
    assert top[0][-2:] == ("lari", "Room 7")


def test_alarms_are_counted_by_severity_and_rule_and_the_longest_is_named() -> None:
    minute = timedelta(minutes=1)
    over = [
        alarm("stuck", MIDNIGHT, severity="minor", cleared_at=MIDNIGHT + minutes * minute)
        for minutes in (5, 90)
    ]
    stands = alarm("silent", MIDNIGHT + 13 * HOUR, severity="critical", message="no readings")
    waits = alarm("clock", MIDNIGHT, severity="minor", cleared_at=MIDNIGHT + minute, waits=True)
    page = build_report(figures(alarms=[*over, waits, stands]))
    assert rows_of(page, "Alarms") == [
        ("critical", "silent", "1", "1", "20 min 5 s"),
        ("minor", "stuck", "2", "0", "1 h 30 min"),
        ("minor", "clock", "1", "1", "1 min"),
    ]
    assert facts_of(page)["Alarms"] == "4 (2 still active)"
    assert next(each.notes for each in page.sections if each.title == "Alarms") == [
        "Longest: stuck of Sensor-1, 1 h 30 min, from 00:00 to 01:30."
    ]
    assert [row[2] for row in rows_of(page, "Active alarms")] == ["silent", "clock"]


def test_sensors_that_are_not_heard_are_listed() -> None:
    sensors = [
        sensor("Heard", first_reading=MIDNIGHT),
        sensor("Silent", first_reading=MIDNIGHT, last_reading=NOW - timedelta(hours=3)),
        sensor("Gone", first_reading=MIDNIGHT, status="offline"),
        sensor("Dead", first_reading=MIDNIGHT - timedelta(days=9), last_reading=NOW - timedelta(days=2)),
        {"sensor_id": "Never"},
    ]
    by_sensor = [total(MIDNIGHT, name) for name in ("Heard", "Silent", "Gone")]
    page = build_report(figures(hours=[total(MIDNIGHT)], by_sensor=by_sensor, sensors=sensors))
    assert [(row[0], *row[3:]) for row in rows_of(page, "Sensors that need attention")] == [
        ("Gone", "offline", "10 readings"),
        ("Silent", "stale 3 h", "10 readings"),
        ("Dead", "stale 2 d", "no readings"),
        ("Never", "stale", "no readings"),
    ]
    told = facts_of(page)
    assert told["Stale sensors now"] == "3 of 5"
    assert told["Sensors without readings"] == "2 of 5"
    assert told["Hours without readings"] == "12 of 13"


def test_sensor_that_came_later_is_not_missed() -> None:
    later = sensor(first_reading=MIDNIGHT + HOUR)
    assert figures(YESTERDAY, sensors=[later]).without_readings == []
    assert figures(TODAY, sensors=[later]).without_readings == [later]


@pytest.mark.parametrize(
    ("when", "refused", "told"),
    [
        (TODAY, {}, "0"),
        (TODAY, {"not_json": 2000, "clock": 1}, "2,001 (2,000 not_json, 1 clock)"),
        (
            ReportPeriod.around(date(2026, 1, 1), "day", UTC_ZONE, NOW),
            {},
            "0 in the last 30 days; older ones are deleted",
        ),
    ],
)
def test_rejected_payloads_are_counted(when: ReportPeriod, refused: dict[str, int], told: str) -> None:
    assert facts_of(build_report(figures(when, rejected=refused)))["Payloads rejected"] == told


def test_empty_database_makes_a_friendly_report() -> None:
    for unit in ("day", "week", "month"):
        page = build_report(figures(ReportPeriod.around(date(2026, 11, 25), unit, BERLIN, NOW)))
        assert "No readings yet" in "\n".join(render_text(page))
        assert "No readings yet" in render_html(page)
    assert "No sensors at nowhere" in "\n".join(render_text(build_report(figures(sites=["nowhere"]))))


def test_bars_are_as_long_as_their_hours_are_high() -> None:
    hours = [total(MIDNIGHT, energy_kwh=8.0), total(MIDNIGHT + HOUR, energy_kwh=3.0)]
    lines = render_text(build_report(figures(hours=hours)))
    bars = lines[lines.index("Energy per hour") + 1 :]
    assert bars[0] == f"  00:00  {'█' * 48}  8.00 kWh"
    assert bars[1] == f"  01:00  {'█' * 18}{' ' * 30}  3.00 kWh"
    assert bars[2] == "  02:00  no readings"
    # 13:00 has begun, 14:00 has not.
    assert bars[13:15] == ["  13:00  no readings", ""]


def everything(text: str, site: str = "lari", name: str = "Sensor-1") -> Report:
    """A report with a text from outside wherever there can be one."""
    hours = [
        total(start, each, 12345.678) for start in TODAY.buckets[:14] for each in (site, f"{site[:60]}-b")
    ]
    before = [total(start, site) for start in YESTERDAY.buckets]
    known = [sensor(name, location=text), sensor(f"{name[:60]}-b", own_location=text, last_reading=MIDNIGHT)]
    wrong = alarm(message=text, sensor_id=name, rule=text[:64])
    peak = Peak(name, site, MIDNIGHT, 14.98)
    by_sensor = [total(MIDNIGHT, name, 12345.678)]
    return build_report(
        figures(
            hours=hours,
            hours_before=before,
            by_sensor=by_sensor,
            sensors=known,
            alarms=[wrong],
            peak=peak,
            rejected={text[:20]: 3},
        )
    )


@given(text=st.text(max_size=200))
def test_text_is_80_columns_wide_and_steers_no_terminal(text: str) -> None:
    for line in render_text(everything(text, LONG, LONG)):
        assert cell_len(line) <= 80
        assert line.isprintable()


class Tags(HTMLParser):
    """Which elements a page has, and what they say."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


HARMLESS = Tags(render_html(everything("x")))


@settings(max_examples=25, deadline=None)
@given(text=st.text(max_size=200).map(lambda text: text + HOSTILE) | st.just(HOSTILE))
def test_text_from_outside_does_not_become_markup(text: str) -> None:
    page = render_html(everything(text))
    assert [tag for tag, _ in Tags(page).found] == [tag for tag, _ in HARMLESS.found]
    assert all(character.isprintable() or character == "\n" for character in page)
    assert "<script>alert(1)</script>" in "".join(Tags(page).texts)


def test_names_from_outside_are_escaped_in_plots_and_attributes_too() -> None:
    page = render_html(everything(HOSTILE, f"s\u202e{HOSTILE}", f"n\u202e{HOSTILE}"))
    assert all(character.isprintable() or character == "\n" for character in page)
    assert [tag for tag, _ in Tags(page).found] == [tag for tag, _ in HARMLESS.found]
    assert any(r"s\u202e" in (value or "") for _, each in Tags(page).found for value in each.values())


def test_page_needs_nothing_but_itself() -> None:
    page = render_html(everything("x"))
    assert not re.search(r"<script|<link|<img|@import|url\(|https?:|\son\w+=", page)
    assert not [each for _, attributes in HARMLESS.found for each in attributes if each in {"src", "href"}]


def test_page_can_be_read_without_seeing_it() -> None:
    assert HARMLESS.of("html") == [{"lang": "en"}]
    assert page_title() == "Energy report: Wednesday, 25 November 2026, so far"
    assert {each.get("scope") for each in HARMLESS.of("th")} == {"col", "row"}
    plots = HARMLESS.of("svg")
    assert len(plots) == 4  # energy, and energy by site, each for a phone and for a desk
    assert all(each["role"] == "img" and "kWh" in (each["aria-label"] or "") for each in plots[:2])
    assert all("lari, lari-b" in (each["aria-label"] or "") for each in plots[2:])
    assert all(each["aria-label"] for each in HARMLESS.of("table"))


def page_title() -> str:
    return render_html(everything("x")).split("<title>")[1].split("</title>")[0]


@pytest.mark.parametrize("count", [0, 1, 6, 9])
def test_plot_shows_no_more_sites_than_there_are_colours(count: int) -> None:
    hours = [total(MIDNIGHT, f"site-{number}", 1.0 + number) for number in range(count)]
    page = render_html(build_report(figures(hours=hours)))
    assert ("other sites" in page) == (count == 9)
    assert len(set(re.findall(r"color-\d", page.split("<body>")[1]))) == (0 if count == 0 else min(count, 6))


def test_numbers_are_written_for_people() -> None:
    assert [format_kwh(each) for each in (0.0, 1.824, 12.35, 9999.94, 12345.6)] == [
        "0.00",
        "1.82",
        "12.3",
        "9,999.9",
        "12,346",
    ]
    assert format_kwh(1.824, most=50) == "1.8"
    assert (format_share(1, 8), format_share(0, 0)) == ("12.5 %", "")
    pairs = [(110, 100), (50, 100), (0, 0), (1, 0), (0, 1), (5000, 1)]
    assert [format_change(*each) for each in pairs] == [
        "+10.0 %",
        "-50.0 %",
        "no change",
        "from 0",
        "-100.0 %",
        "+499,900 %",
    ]


def test_ages_are_written_for_people() -> None:
    seconds = (0, 0.5, 45, 60, 3700, 86399, 90000, 1e8)
    words = ["0 ms", "500 ms", "45 s", "1 min", "1 h 1 min", "23 h 59 min", "1 d 1 h", "1,157 d 9 h"]
    assert [format_duration(timedelta(seconds=each)) for each in seconds] == words
    assert format_duration(timedelta(seconds=90000), short=True) == "1 d"


def read(*arguments: str) -> ReportSettings:
    return read_settings(ReportSettings, arguments, "monitor report")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--date", "23.11.2026"], "--date '23.11.2026': write a day as 2026-11-23, or yesterday"),
        (["--date", "9999-12-31", "--month"], "--date 9999-12-31: this month has not begun yet"),
        (["--date", "0001-01-01"], "--date '0001-01-01': there were no readings before 1970"),
        (["--day", "--month"], "--day and --month cannot be combined; choose one of them"),
        (
            ["--time-zone", "Europe/Berln"],
            "--time-zone 'Europe/Berln': unknown time zone; did you mean Europe/Berlin?",
        ),
        (
            ["--time-zone", "/etc/passwd"],
            "--time-zone '/etc/passwd': unknown time zone; write it as Europe/Berlin",
        ),
        (["--html", "/nowhere/x.html"], "--html /nowhere/x.html: no such folder: /nowhere; create it first"),
        (["--html", "/"], "--html / is a folder; name a file"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:  # noqa: PT012 - any of them may end it
        asked = read(*arguments)
        chosen_time(asked)
        if asked.html:
            check_file(asked.html)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"monitor report: {sentence}\n"


def test_report_is_of_today_in_the_zone_unless_another_day_is_named() -> None:
    late = datetime(2026, 11, 25, 23, 30, tzinfo=BERLIN)
    assert chosen_day(read(), late) == date(2026, 11, 25)
    assert chosen_day(read("--date", "yesterday"), late) == date(2026, 11, 24)
    # Pydantic would take it for seconds.
    assert chosen_day(read("--date", "20261101"), late) == date(2026, 11, 1)
    assert read("--time-zone", "Europe/Berlin").zone is BERLIN
    assert read().units == ("day",)
    assert read("--week").units == ("week",)
