"""The list of alarms: its lines, and what the settings of the commands say."""

import getpass
import random
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest

from broker.program.settings import ProcessSettings, read_settings
from broker.topics import SensorKey
from ingestor.alarms.episode import begin
from ingestor.alarms.rules.overconsumption import OVERCONSUMPTION
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.documents import AlarmDocument
from monitor.cli.alarms import DisplayOptions, alarm_lines, summary, worst_first
from monitor.cli.settings import AcknowledgeSettings, AlarmsSettings, ShelveSettings
from tests.unit.test_watch import columns

SINCE = datetime(2026, 11, 23, 10, 0, 0, 123000)  # noqa: DTZ001
NOW = SINCE + timedelta(hours=2)
LATER = SINCE + timedelta(minutes=10)
WIDE = DisplayOptions(200, colours=False, now=NOW, zone=UTC)
NARROW = DisplayOptions(80, colours=False, now=NOW, zone=UTC)


def alarm(severity: str = "major", sensor_id: str = "Sensor-LARI-01", /, **changes: object) -> AlarmDocument:
    rule = str(changes.get("rule", "overconsumption"))
    since = changes.get("since", SINCE)
    assert isinstance(since, datetime)
    document = begin(SensorKey("lari", sensor_id), rule, AllRuleSettings().of(OVERCONSUMPTION), since, since)
    document["severity"], document["message"] = severity, "High consumption (12.24 kWh > 12.0 kWh)"
    document.update(changes)  # type: ignore[typeddict-item]
    return document


def test_alarm_takes_a_line_and_two_below_it() -> None:
    assert alarm_lines(alarm(), None, NARROW) == [
        "major     10:00:00  Sensor-LARI-01  overconsumption  active",
        "    High consumption (12.24 kWh > 12.0 kWh)",
        "    Sensor-LARI-01@overconsumption@2026-11-23T10:00:00.123Z",
    ]


def test_time_is_local_and_has_the_day_unless_it_is_today() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    assert "  15:30:00  " in alarm_lines(alarm(), None, DisplayOptions(80, False, NOW, kolkata))[0]
    assert (
        "  2026-11-23 10:00  "
        in alarm_lines(alarm(), None, DisplayOptions(80, False, NOW + timedelta(1), UTC))[0]
    )
    # A new day has begun there in the meantime, though not in UTC.
    auckland = timezone(timedelta(hours=13))
    assert "  2026-11-23 23:00  " in alarm_lines(alarm(), None, DisplayOptions(80, False, NOW, auckland))[0]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "active"),
        ({"acknowledged_at": LATER}, "active, acknowledged"),
        ({"acknowledged_at": LATER, "acknowledged_by": "maria"}, "active, acknowledged by maria"),
        ({"cleared_at": LATER, "waits": True}, "ended, not acknowledged"),
        ({"cleared_at": LATER}, "ended"),
        (
            {"cleared_at": LATER, "acknowledged_at": LATER, "acknowledged_by": "maria"},
            "ended, acknowledged by maria",
        ),
        ({"cleared_at": LATER, "retracted_at": LATER}, "retracted"),
    ],
)
def test_state_is_told(changes: dict[str, object], state: str) -> None:
    assert alarm_lines(alarm(**changes), None, WIDE)[0].endswith(f"  overconsumption  {state}")


def test_shelved_alarm_says_until_when() -> None:
    assert alarm_lines(alarm(), NOW + timedelta(hours=1), WIDE)[0].endswith("  muted until 13:00")
    assert alarm_lines(alarm(), NOW + timedelta(days=1), WIDE)[0].endswith("  muted until 2026-11-24 12:00")


def test_worst_come_first_and_of_these_the_newest() -> None:
    ordered = [
        alarm(severity, since=SINCE + timedelta(minutes=minutes))
        for severity in ("critical", "major", "minor", "warning", "unheard-of")
        for minutes in (3, 2, 1)
    ]
    shuffled = random.Random(7).sample(ordered, len(ordered))
    assert worst_first(shuffled) == ordered


@pytest.mark.parametrize("length", [1, 14, 40, 64])
@pytest.mark.parametrize("user", [None, "maria", "m" * 64, "電" * 30])
@pytest.mark.parametrize("message", ["", "word " * 30, "x" * 200, "電力が高い " * 20])
def test_only_an_id_is_ever_wider_than_80_columns(length: int, user: str | None, message: str) -> None:
    long = alarm("critical", "S" * length, acknowledged_at=LATER, acknowledged_by=user, message=message)
    *lines, last = alarm_lines(long, None, DisplayOptions(80, False, NOW + timedelta(1), UTC))
    assert [line for line in lines if columns(line) > 80] == []
    assert last == f"    {long['_id']}"
    # Nothing is left out.
    shown = "".join("".join(lines).split())
    assert "S" * length in shown
    assert "".join(message.split()) in shown
    assert (f"acknowledgedby{user}" if user else "acknowledged") in shown


def test_file_or_pipe_gets_unbroken_lines_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    look = DisplayOptions.for_stdout()
    assert not look.colours
    assert len(alarm_lines(alarm(message="word " * 100), None, look)) == 3


@pytest.mark.parametrize(
    ("variables", "colours"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_terminal_gets_colours_unless_it_wants_none(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], colours: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for name, value in {"COLUMNS": "80", "TERM": "xterm", "NO_COLOR": "", **variables}.items():
        monkeypatch.setenv(name, value)
    look = DisplayOptions.for_stdout()
    assert (look.width, look.colours) == (80, colours)


def test_colour_ends_where_the_severity_ends() -> None:
    plain, coloured = (
        alarm_lines(alarm("critical"), None, DisplayOptions(80, colours=colours, now=NOW, zone=UTC))
        for colours in (False, True)
    )
    assert coloured == [plain[0].replace("critical", "\x1b[1;31mcritical\x1b[0m"), *plain[1:]]
    assert "\x1b" not in alarm_lines(alarm("unheard-of"), None, DisplayOptions(80, True, NOW, UTC))[0]


@pytest.mark.parametrize("field", ["severity", "rule", "sensor_id", "message", "acknowledged_by", "_id"])
def test_hostile_text_cannot_steer_the_terminal(field: str) -> None:
    hostile = "\x1b]0;owned\x07\u202egnp\n\rfake"
    shown = alarm(acknowledged_at=LATER)
    shown.update({field: hostile})  # type: ignore[misc]
    lines = alarm_lines(shown, None, WIDE)
    assert any(r"\u001b]0;owned\u0007\u202egnp\n\rfake" in line for line in lines)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("standing", "sites", "sentence"),
    [
        ([], (), "No active alarms."),
        ([], ("lari", "annex"), "No active alarms at lari and annex."),
        ([alarm()], (), "1 active alarm, not acknowledged."),
        ([alarm(acknowledged_at=LATER)], ("lari",), "1 active alarm at lari."),
        ([alarm(rule="silent")], (), "1 active alarm."),
        ([alarm(), *[alarm(acknowledged_at=LATER)] * 2], (), "3 active alarms, 1 of them not acknowledged."),
        ([alarm(acknowledged_at=LATER)] * 1200, (), "1,200 active alarms."),
    ],
)
def test_last_line_counts_those_that_nobody_has_seen(
    standing: list[AlarmDocument], sites: tuple[str, ...], sentence: str
) -> None:
    shelved = {("Sensor-LARI-01", "silent"): NOW, ("Sensor-LARI-02", "overconsumption"): NOW}
    assert summary(standing, shelved, sites) == sentence


@pytest.mark.parametrize("settings", [AlarmsSettings, AcknowledgeSettings, ShelveSettings])
def test_help_has_an_example_and_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: type[ProcessSettings]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        read_settings(settings, ["--help"], "monitor")
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Example: ") for line in lines)
    assert [line for line in lines if len(line) > 80] == []


def test_who_says_so_is_who_is_logged_in_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "l" * 70)
    assert read_settings(ShelveSettings, ["S-1", "silent"], "monitor shelve").who == "l" * 64
    assert (
        read_settings(ShelveSettings, ["S-1", "silent", "--user", "maria"], "monitor shelve").who == "maria"
    )


@pytest.mark.parametrize("error", [KeyError("uid not found: 10001"), OSError("No username set")])
def test_who_has_no_login_name_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert read_settings(ShelveSettings, ["S-1", "silent"], "monitor shelve").who is None
