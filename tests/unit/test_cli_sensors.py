"""The list of sensors: its lines, and what may be set of one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from broker.program.settings import read_settings
from ingestor.documents import SensorDocument
from monitor.cli.alarms import DisplayOptions
from monitor.cli.sensors import list_lines, sensors_command
from monitor.cli.settings import SensorsSettings
from monitor.text_table import Column, table_lines

NOW = datetime(2026, 11, 25, 13, 20, 5)  # noqa: DTZ001 - as in documents
LOOK = DisplayOptions(80, colours=False, now=NOW, zone=UTC)


def sensor(name: str, ago: timedelta | None = timedelta(seconds=1), /, **known: object) -> SensorDocument:
    document: SensorDocument = {"sensor_id": name, "site": "lari", "status": "online", "interval_s": 2.003}
    if ago is not None:
        document["last_reading"] = NOW - ago
    document.update(known)  # type: ignore[typeddict-item]  # fields by their names
    return document


def test_list_says_what_people_want_to_know_of_each_sensor() -> None:
    sensors = [
        sensor("Hall-001", location="Hall", threshold_kwh=9.5),
        sensor("Hall-002", timedelta(hours=30), location="Hall", own_location="Room 7", interval_s=900.0),
        sensor("Hall-003", timedelta(days=400), status="offline"),
        sensor("Meter", None),
    ]
    assert list_lines(sensors, LOOK) == [
        "Sensor    Site  Location  State      Last seen  Threshold  Interval",
        "Hall-001  lari  Hall      online     13:20:04     9.5 kWh       2 s",
        "Hall-002  lari  Room 7    stale 1 d  24 Nov                  15 min",
        "Hall-003  lari            offline    Oct 2025                   2 s",
        "Meter     lari            stale      never                      2 s",
        "4 sensors: 1 online, 2 stale, 1 offline.",
    ]


def test_limits_have_no_column_where_there_are_none() -> None:
    assert "Threshold" not in list_lines([sensor("Hall-001")], LOOK)[0]


def test_no_sensor_is_told_in_a_sentence() -> None:
    assert list_lines([], LOOK) == ["No sensors."]
    assert list_lines([], LOOK, ["lari", "annex"]) == ["No sensors at lari and annex."]


@given(location=st.text(max_size=200))
def test_list_is_80_columns_wide_and_steers_no_terminal(location: str) -> None:
    names = ("Hall-001", "H" * 64)
    sensors = [sensor(name, location=location, site="s" * 64, threshold_kwh=9.5) for name in names]
    lines = list_lines(sensors, LOOK)
    assert all(cell_len(line) <= 80 and line.isprintable() for line in lines)
    # Whoever copies an id gets all of it.
    assert all(any(line.startswith(name) for line in lines) for name in names)


def test_table_is_as_wide_as_it_must_be_if_nothing_can_give_way() -> None:
    lines = table_lines([Column("A", is_number=True), Column("B")], [("1", "b" * 30), ("22", "")], 10)
    assert lines == [" A  B", f" 1  {'b' * 30}", "22"]


def changes(*arguments: str) -> dict[str, object]:
    change = read_settings(SensorsSettings, arguments, "monitor sensors").change(arguments)
    return change.model_dump(exclude_unset=True) if change else {}


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], {}),
        (["--location", " Room 7 "], {"own_location": "Room 7"}),
        (["--location=東京 7"], {"own_location": "東京 7"}),
        (["--location", ""], {"own_location": None}),
        (["--location="], {"own_location": None}),
        (["--location", "  "], {"own_location": None}),
        (["--location", "none"], {"own_location": None}),
        (["--threshold", "9.5"], {"threshold_kwh": 9.5}),
        (["--threshold", "0"], {"threshold_kwh": 0.0}),
        (["--threshold", "none"], {"threshold_kwh": None}),
        (["--threshold", "None"], {"threshold_kwh": None}),
        (["--threshold", ""], {"threshold_kwh": None}),
        (["--location", "x" * 200, "--threshold=1"], {"own_location": "x" * 200, "threshold_kwh": 1.0}),
    ],
)
def test_options_set_and_take_away(arguments: list[str], asked: dict[str, object]) -> None:
    assert changes("Sensor-1", *arguments) == asked


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--location", "Room 7"], 'name the sensor: monitor sensors Sensor-LARI-01 --location "Room 7"'),
        (["S", "--location", "a\x1bb"], "--location 'a\\x1bb': a location has printable characters only"),
        (["S", "--location", "a\u202eb"], "--location 'a\\u202eb': a location has printable characters only"),
        (["S", "--location", "x" * 201], f"--location '{'x' * 201}': a location has at most 200 characters"),
        (["S", "--threshold", "much"], "--threshold 'much': write kWh as 9.5, or none to remove it"),
        (["S", "--threshold", "-1"], "--threshold -1.0: a threshold is 0 kWh or more"),
        (["S", "--threshold", "nan"], "--threshold nan: a threshold is 0 kWh or more"),
        (["S", "--threshold", "1e999"], "--threshold inf: a threshold is 0 kWh or more"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        sensors_command(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"monitor sensors: {sentence}\n"
