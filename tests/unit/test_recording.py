"""Recorded consumption is read as it was meant, or rejected in one sentence; no row vanishes uncounted."""

import gzip
import importlib.util
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.documents import Measure, format_timestamp, measure_id
from monitor.export.formats import FORMATS, FormatName
from sensor_node.plan import PlanError
from sensor_node.recordings.recording import read_recording
from sensor_node.recordings.series import Columns, RecordedSeries, shift_series

UTC_ZONE = ZoneInfo("UTC")
ROME = ZoneInfo("Europe/Rome")
HOUR_MS = 3_600_000
HEAD = "time,value\n"


def sample(name: str) -> Path:
    """A file of the package, which is not imported: what it needs is not installed."""
    found = importlib.util.find_spec("opendsm")
    assert found is not None, "the dependency group `samples` is not installed"
    assert found.origin is not None
    return Path(found.origin).parent / "eemeter" / "samples" / f"{name}.csv.gz"


def unix_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def one(file: Path, columns: Columns | None = None, zone: ZoneInfo = UTC_ZONE) -> RecordedSeries:
    (series,) = read_recording(file, columns or Columns(), zone)
    return series


def read(
    tmp_path: Path, text: str, columns: Columns | None = None, zone: ZoneInfo = UTC_ZONE
) -> RecordedSeries:
    file = tmp_path / "recording.csv"
    file.write_text(text, newline="")
    return one(file, columns, zone)


def rows_of(series: RecordedSeries) -> list[tuple[str, float]]:
    return [
        (datetime.fromtimestamp(at / 1000, UTC).isoformat(), value)
        for at, value in zip(series.at_ms.tolist(), series.value_kwh.tolist(), strict=True)
    ]


def rejection(file: Path, columns: Columns | None = None) -> str:
    with pytest.raises(PlanError) as caught:
        read_recording(file, columns or Columns(), UTC_ZONE)
    text = str(caught.value)
    assert text.startswith(f"the recording {file} ")
    assert "\n" not in text
    return text.removeprefix(f"the recording {file} ")


def rejected(tmp_path: Path, content: str | bytes, columns: Columns | None = None) -> str:
    file = tmp_path / "recording.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return rejection(file, columns)


# Recordings of real meters.


def test_hourly_meter_in_illinois_is_stamped_with_the_end_of_each_hour() -> None:
    series = one(sample("il-electricity-cdd-hdd-hourly"), Columns(stamps="start"))
    assert len(series.at_ms) == 19_417
    assert series.at_ms[0] == unix_ms("2015-11-22T01:00:00-06:00")
    assert series.at_ms[-1] == unix_ms("2018-02-08T01:00:00-06:00")
    assert series.value_kwh[:2].tolist() == [0.29, 1.47]
    assert series.value_kwh[-1] == 1.17
    assert set(np.diff(series.at_ms)) == {HOUR_MS}
    assert series.skipped == {}


def test_daily_meter_ends_where_its_last_row_has_no_value() -> None:
    series = one(sample("il-electricity-cdd-hdd-daily"), Columns(stamps="start"))
    assert len(series.at_ms) == 809
    assert series.at_ms[-1] == unix_ms("2018-02-08T00:00:00-06:00")
    assert series.value_kwh[-1] == 55.55
    assert series.skipped == {"no value": 1}


def test_bills_end_when_the_next_begins_however_long_they_are() -> None:
    series = one(sample("il-electricity-cdd-hdd-billing_monthly"), Columns(stamps="start"))
    assert series.at_ms[0] == unix_ms("2015-12-21T00:00:00-06:00")
    assert series.value_kwh[0] == 725.1
    assert series.at_ms[-1] == unix_ms("2018-01-20T00:00:00-06:00")
    assert series.value_kwh[-1] == 1393.4
    assert series.skipped == {"no value": 1}


def test_british_meter_whose_times_have_an_offset_needs_no_zone() -> None:
    series = one(sample("uk-electricity-hdd-only-hourly-sample-0"), zone=ROME)
    assert len(series.at_ms) == 23_508
    assert series.at_ms[0] == unix_ms("2020-04-01T01:00:00+00:00")
    assert series.value_kwh[0] == 0.078


def test_british_meter_without_offset_that_kept_utc_shows_hours_no_clock_in_london_did() -> None:
    file = sample("uk-electricity-hdd-only-hourly-sample-1")
    # This file has 15 midnights twice.
    assert one(file).skipped == {"duplicate time": 15}
    assert one(file, zone=ZoneInfo("Europe/London")).skipped == {
        "a time that the clock skipped": 2,
        "duplicate time": 15,
    }


def test_temperatures_below_zero_are_no_consumption() -> None:
    assert one(sample("il-tempF"), Columns(value="tempF")).skipped == {"negative": 89}


# What `monitor export` writes.


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_export_is_replayed_without_a_mapping(name: FormatName, tmp_path: Path) -> None:
    out = BytesIO()
    writer = FORMATS[name](out)
    at = datetime(2026, 11, 23, 10, 0, 0, 123000)  # noqa: DTZ001 - as in documents
    batch: list[Measure] = [
        {
            "_id": measure_id(sensor_id, format_timestamp(at + late)),
            "sensor_id": sensor_id,
            "site": "lari",
            "location": 'Hall "1"\r\n, left',
            "value_kwh": value_kwh,
            "timestamp": at + late,
            "is_anomaly": False,
            "status_message": "Consumption is normal.",
            "received_at": at + late + timedelta(seconds=1),
        }
        for sensor_id, late, value_kwh in (
            ("S-2", timedelta(0), 1.5),
            ("S-1", timedelta(0), 0.25),
            ("S-2", timedelta(seconds=10), 2.5),
        )
    ]
    writer.write(batch)
    writer.close()
    file = tmp_path / f"readings.{name}"
    file.write_bytes(out.getvalue())
    second, first = read_recording(file, Columns(), ROME)
    begin_ms = unix_ms("2026-11-23T10:00:00.123+00:00")
    assert (second.name, first.name) == ("S-2", "S-1")
    assert second.at_ms.tolist() == [begin_ms, begin_ms + 10_000]
    assert second.value_kwh.tolist() == [1.5, 2.5]
    assert (first.at_ms.tolist(), first.value_kwh.tolist()) == ([begin_ms], [0.25])


# CSV as others write it.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_german_csv_has_semicolons_and_decimal_commas(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "lastgang.csv"
    text = "Zeitstempel;Zähler;Verbrauch\r\n01.07.2026 00:15;Büro;1.234,5\r\n01.07.2026 00:30;Büro;7\r\n\r\n"
    file.write_bytes(text.encode(encoding))
    series = one(file, Columns(sensor="Zähler"), ZoneInfo("Europe/Berlin"))
    assert series.name == "Büro"
    assert rows_of(series) == [("2026-06-30T22:15:00+00:00", 1234.5), ("2026-06-30T22:30:00+00:00", 7.0)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(delimiter: str, tmp_path: Path) -> None:
    text = "Time,Value,Note\n2026-01-01T00:00Z,1.5,a b\n2026-01-02T00:00Z,.5,\n".replace(",", delimiter)
    assert read(tmp_path, text).value_kwh.tolist() == [1.5, 0.5]


def test_text_over_several_lines_does_not_break_a_long_file(tmp_path: Path) -> None:
    # Several of the blocks of 1 MiB in which CSV is read.
    text = "time,note,value\n" + "".join(
        f'{1_780_000_000 + each},"a\nb\n{"c" * 60}",1\n' for each in range(40_000)
    )
    assert len(read(tmp_path, text).at_ms) == 40_000


def test_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "meter.parquet"
    file.write_bytes(gzip.compress(f"{HEAD}2026-01-01,1\n".encode()))
    assert rows_of(one(file)) == [("2026-01-01T00:00:00+00:00", 1.0)]


def test_only_column_of_times_and_of_numbers_need_no_known_name(tmp_path: Path) -> None:
    text = "wer,wann,wieviel\nich,2026-01-01 00:00,nan\ndu,2026-01-02 00:00,2\n"
    assert rows_of(read(tmp_path, text)) == [("2026-01-02T00:00:00+00:00", 2.0)]


def test_beginning_or_end_is_chosen_by_what_stamps_are(tmp_path: Path) -> None:
    text = "end,start,kwh\n2026-01-01T01:00Z,2026-01-01T00:00Z,1\n2026-01-01T02:00Z,2026-01-01T01:00Z,2\n"
    by_end, by_start = (read(tmp_path, text, Columns(stamps=stamps)) for stamps in ("end", "start"))
    assert rows_of(by_end) == rows_of(by_start) != []


@pytest.mark.parametrize(("unit", "value_kwh"), [("Wh", 0.078), ("kWh", 78.0), ("MWh", 78_000.0)])
def test_values_become_kwh(unit: str, value_kwh: float, tmp_path: Path) -> None:
    columns = Columns(unit=unit)
    assert read(tmp_path, f"{HEAD}2026-01-01,78\n", columns).value_kwh.tolist() == [value_kwh]


# Times.


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T10:00:00+01:00",
        "2026-11-23 09:00:00Z",
        "2026-11-23T10:00:00.000000000+0100",
        "2026-11-23T10:00",
        " 2026-11-23 10:00:00.000 ",
        "23.11.2026 10:00",
        "1795424400",
        "1795424400.0",
        "1795424400000",
    ],
)
def test_time_is_understood(text: str, tmp_path: Path) -> None:
    assert rows_of(read(tmp_path, f"{HEAD}{text},1\n", zone=ROME)) == [("2026-11-23T09:00:00+00:00", 1.0)]


def test_date_alone_is_midnight_where_the_meter_is(tmp_path: Path) -> None:
    assert rows_of(read(tmp_path, f"{HEAD}2026-07-01,1\n", zone=ROME)) == [("2026-06-30T22:00:00+00:00", 1.0)]


MOMENTS = [datetime(2026, 7, 1, 10, minute) for minute in (0, 15)]  # noqa: DTZ001 - on the wall
AWARE = [moment.replace(tzinfo=ROME) for moment in MOMENTS]


@pytest.mark.parametrize(
    "times",
    [
        pa.array(MOMENTS, pa.timestamp("us")),
        pa.array(MOMENTS, pa.timestamp("ns")),
        pa.array(AWARE, pa.timestamp("s", "Europe/Rome")),
        pa.array(AWARE, pa.timestamp("ms", "+00:00")),
        pa.array([int(each.timestamp()) for each in AWARE]),
        pa.array([each.timestamp() for each in AWARE]),
        pa.array([each.isoformat() for each in AWARE]),
        pa.array([each.isoformat() for each in AWARE], pa.large_string()),
        pa.array([each.isoformat() for each in AWARE]).dictionary_encode(),
    ],
    ids=lambda times: str(times.type),
)
def test_parquet_of_any_type_of_time_is_read(times: pa.Array, tmp_path: Path) -> None:
    file = tmp_path / "meter"
    values = pa.array(["0.5", "1.5"]).cast(pa.decimal128(8, 3))
    pq.write_table(pa.table({"time": times, "a.b": values, "note": pa.array(["x", None])}), file)
    series = one(file, Columns(value="a.b"), ROME)
    assert rows_of(series) == [("2026-07-01T08:00:00+00:00", 0.5), ("2026-07-01T08:15:00+00:00", 1.5)]


def test_parquet_of_dates_is_read(tmp_path: Path) -> None:
    file = tmp_path / "meter"
    pq.write_table(pa.table({"day": pa.array([MOMENTS[0].date()]), "kWh": pa.array([3])}), file)
    assert rows_of(one(file, zone=ROME)) == [("2026-06-30T22:00:00+00:00", 3.0)]


@pytest.mark.parametrize("is_latest_first", [False, True])
@pytest.mark.parametrize("key", ["Europe/Rome", "America/Havana", "Australia/Lord_Howe", "UTC"])
def test_every_quarter_of_a_year_on_the_wall_is_found_again(
    key: str, is_latest_first: bool, tmp_path: Path
) -> None:
    zone = ZoneInfo(key)
    begin = datetime(2025, 12, 31, 23, tzinfo=UTC)
    moments = [begin + timedelta(minutes=15 * each) for each in range(366 * 96)]
    lines = [f"{moment.astimezone(zone):%Y-%m-%dT%H:%M:%S},{each}" for each, moment in enumerate(moments)]
    text = "\n".join(reversed(lines) if is_latest_first else lines)
    series = read(tmp_path, f"{HEAD}{text}\n", zone=zone)
    assert series.skipped == {}
    assert series.at_ms.tolist() == [round(moment.timestamp() * 1000) for moment in moments]
    assert series.value_kwh.tolist() == list(range(len(moments)))


def test_hour_that_comes_twice_is_told_apart_for_each_sensor(tmp_path: Path) -> None:
    file = tmp_path / "meters.csv"
    clock = ("01:59:58", "02:59:58", "02:00:03", "03:00:03")
    rows = "".join(f"2026-10-25 {time},{name},1\n" for time in clock for name in "ab")
    file.write_text(f"time,sensor_id,value\n{rows}")
    both = read_recording(file, Columns(), ROME)
    assert [each.name for each in both] == ["a", "b"]
    for series in both:
        times = [at[11:19] for at, _ in rows_of(series)]
        assert times == ["23:59:58", "00:59:58", "01:00:03", "02:00:03"]


def test_years_in_the_wrong_order_do_not_make_an_hour_come_twice(tmp_path: Path) -> None:
    # Begins and ends so that the whole is not taken for one with the latest first.
    days = ("2025-01-01T12:00", "2026-10-25T02:30", "2025-10-26T02:30", "2026-12-01T12:00")
    series = read(tmp_path, HEAD + "".join(f"{day},1\n" for day in days), zone=ROME)
    assert [at[:16] for at, _ in rows_of(series)][1:3] == ["2025-10-26T00:30", "2026-10-25T00:30"]


def test_hour_that_the_clock_skips_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = "".join(f"2026-03-29 0{hour}:00,{hour}\n" for hour in range(1, 4))
    series = read(tmp_path, HEAD + rows, zone=ROME)
    assert rows_of(series) == [("2026-03-29T00:00:00+00:00", 1.0), ("2026-03-29T01:00:00+00:00", 3.0)]
    assert series.skipped == {"a time that the clock skipped": 1}


def test_last_interval_is_as_long_as_most(tmp_path: Path) -> None:
    rows = "".join(f"2026-01-01T{time}Z,1\n" for time in ("00:00", "00:15", "00:30", "03:00"))
    ends = [at[11:16] for at, _ in rows_of(read(tmp_path, HEAD + rows, Columns(stamps="start")))]
    assert ends == ["00:15", "00:30", "03:00", "03:15"]


# Rows that are no reading.


def test_rows_are_put_in_order_and_what_is_no_reading_is_counted(tmp_path: Path) -> None:
    rows = (
        "2026-01-03,3\n2026-01-01,\n2026-01-01,1\n2026-01-02,-2\n,4\n"
        "2026-01-05,inf\n2026-01-03,9\n2026-01-06,NaN\n2026-01-04,0\n"
    )
    series = read(tmp_path, HEAD + rows)
    assert [(at[:10], value) for at, value in rows_of(series)] == [
        ("2026-01-01", 1.0),
        ("2026-01-03", 3.0),
        ("2026-01-04", 0.0),
    ]
    assert series.skipped == {"no time": 1, "no value": 3, "negative": 1, "duplicate time": 1}


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.none() | st.integers(1_750_000_000, 1_750_000_020) | st.integers(1_774_735_200, 1_774_760_000),
            st.none() | st.floats(-10, 100) | st.sampled_from([float("nan"), float("inf")]),
        ),
        min_size=1,
    ),
    is_cumulative=st.booleans(),
)
def test_every_row_is_a_reading_or_counted(
    rows: list[tuple[str, int | None, float | None]],
    is_cumulative: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    names, times, values = zip(*rows, strict=True)
    # Local times, so that some lie in an hour that the clock skips.
    local = pa.array([None if each is None else each * 1000 for each in times], pa.int64())
    table = {
        "sensor_id": pa.array(names),
        "time": local.cast(pa.timestamp("ms")),
        "value": pa.array(values, pa.float64()),
    }
    # A last series is sure to have readings.
    sure = {"sensor_id": ["c"] * 2, "time": [MOMENTS[0], MOMENTS[1]], "value": [1.0, 2.0]}
    whole = pa.concat_tables([pa.table(table), pa.table(sure, schema=pa.table(table).schema)])
    file = tmp_path_factory.mktemp("rows") / "meters.parquet"
    pq.write_table(whole, file)
    found = read_recording(file, Columns(cumulative=is_cumulative), ROME)
    assert found[-1].name == "c"
    for series in found:
        assert len(series.at_ms) == len(series.value_kwh) > 0
        assert len(series.at_ms) + sum(series.skipped.values()) == whole.column(
            "sensor_id"
        ).to_pylist().count(series.name)
        assert (np.diff(series.at_ms) > 0).all()
        assert (np.isfinite(series.value_kwh) & (series.value_kwh >= 0)).all()


# Registers.


def test_register_gives_what_was_used_between_its_rows(tmp_path: Path) -> None:
    shown = [2_000_000, 2_000_001.5, 2_000_001.5, "", 2_000_004, 3, 5]
    rows = "".join(f"2026-01-0{day},{each},7\n" for day, each in enumerate(shown, start=1))
    series = read(tmp_path, f"time,register_kwh,value\n{rows}", Columns(cumulative=True, stamps="start"))
    assert [(at[:10], value) for at, value in rows_of(series)] == [
        ("2026-01-02", 1.5),
        ("2026-01-03", 0.0),
        ("2026-01-05", 2.5),
        ("2026-01-07", 2.0),
    ]
    assert series.skipped == {"no value": 1, "first register reading": 1, "register restarted": 1}


# Moved in time.


def test_shifted_series_keeps_its_distances_and_values() -> None:
    series = one(sample("il-electricity-cdd-hdd-daily"), Columns(stamps="start"))
    (moved,) = shift_series([series], 1_800_000_000_000)
    assert moved.at_ms[0] == 1_800_000_000_000
    assert (np.diff(moved.at_ms) == np.diff(series.at_ms)).all()
    assert moved.value_kwh is series.value_kwh
    assert series.at_ms[0] == unix_ms("2015-11-23T00:00:00-06:00")


# Mistakes.


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert rejection(tmp_path / "no.csv") == "cannot be read (No such file or directory)"
    assert rejection(tmp_path) == "cannot be read (Is a directory)"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n \r\n", "is empty"),
        (b"\x1c\x1f\n", "is empty"),
        ("\u2003\n".encode(), "is empty"),
        (b"time, time\n2026-01-01,1\n", "has two columns 'time'; give them different names"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "is neither CSV nor Parquet"),
        (b"PAR1 and no more", "is a damaged Parquet file"),
        (gzip.compress(b"time,value\n2026-01-01,1\n", mtime=0)[:-9], "is a damaged gzip file"),
        (b"time,value\n", "has no rows"),
        (
            b"2026-01-01,1.5\n2026-01-02,2\n",
            "begins with values; its first line must name the columns, like time,value",
        ),
        (b"time,value,value\n2026-01-01,1,2\n", "has two columns 'value'; give them different names"),
        (b"time,value\n2026-01-01,1\n2026-01-01,1,5\n", "has 3 instead of 2 columns in '2026-01-01,1,5'"),
        (b"hello\nworld\n", "has no column of times; it has 'hello'"),
        (b"time,a,b\n2026-01-01,1,2\n", "has several columns of numbers; name the one to use: 'a', 'b'"),
        (
            b"time,value\n2026-01-01,1\n2026-01-02,a\x1b[2J\n",
            r"has 'a\u001b[2J' in column 'value', line 3, which is not a number",
        ),
        (
            b'time,value\n"2026-01-01",1\n2026-01-02,1_0\n',
            "has '1_0' in column 'value', row 2, which is not a number",
        ),
        (
            b"time;value\n2026-01-01;1,5\n2026-01-02;987.5\n",
            "has '987.5' in column 'value', line 3, which is not a number",
        ),
        (b'time,value\n2026-01-01,"1,234"\n', "has '1,234' in column 'value', row 1, which is not a number"),
        (
            b"time,value\n2026-01-01,1\n2026-02-30,2\n",
            "has '2026-02-30' in column 'time', line 3, which is not a time; "
            "write all like 2026-11-23T10:00:00+01:00",
        ),
        (
            b"time,value\n2026-01-01T00:00Z,1\n2026-01-01T01:00,2\n",
            "has '2026-01-01T01:00' in column 'time', line 3, which is a time of another form than before; "
            "write all like 2026-11-23T10:00:00+01:00",
        ),
        (
            b"time,value\n11/23/2026,1\n",
            "has '11/23/2026' in column 'time', line 2, which is not a time; "
            "write it like 2026-11-23T10:00:00+01:00",
        ),
        (
            b"time,value\n20261123,1\n",
            "has '20261123' in column 'time', line 2, which is not a Unix time; "
            "write it like 2026-11-23T10:00:00+01:00",
        ),
        (
            b"time,value\n2026-01-01,1\n2206-01-01,1\n",
            "has '2206-01-01' in column 'time', line 3, which is not between 1970 and 2100",
        ),
        (
            b"time,value\n2026-01-01,1\n2026-01-02,1000001\n",
            "has 1,000,001 kWh at 2026-01-02T00:00+00:00, more than 1,000,000; "
            "are the values a register, or in another unit?",
        ),
        (b"time,value\n2026-01-01,-1\n,2\n", "has no readings: all rows are skipped (no time, negative)"),
        (
            b"sensor_id,time,value\na,2026-01-01,1\n,2026-01-01,1\n",
            "has '' in column 'sensor_id', line 3, which is not a sensor's name",
        ),
    ],
)
def test_mistake_is_one_sentence_that_says_what_it_is(content: bytes, says: str, tmp_path: Path) -> None:
    assert rejected(tmp_path, content) == says


@pytest.mark.parametrize("line", [2, 3, 700, 1001])
def test_first_mistake_is_found_wherever_it_is(line: int, tmp_path: Path) -> None:
    values = [*["1"] * (line - 2), "one", *["1"] * (1001 - line), "two"]
    rows = "".join(f"{1_780_000_000 + each},{value}\n" for each, value in enumerate(values))
    assert (
        rejected(tmp_path, HEAD + rows) == f"has 'one' in column 'value', line {line}, which is not a number"
    )


def test_single_row_that_says_when_it_began_has_no_end(tmp_path: Path) -> None:
    says = rejected(tmp_path, f"{HEAD}2026-01-01,1\n", Columns(stamps="start"))
    assert says == "has no readings: all rows are skipped (unknown end)"


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (Columns(value="valeu"), "has no column 'valeu' but 'time', 'value', did you mean 'value'?"),
        (Columns(sensor="x"), "has no column 'x' but 'time', 'value'"),
        (
            Columns(time="time", value="time"),
            "needs different columns for time, value and sensor; one of them is named twice",
        ),
    ],
)
def test_columns_that_cannot_be_are_answered_in_one_sentence(
    columns: Columns, says: str, tmp_path: Path
) -> None:
    assert rejected(tmp_path, f"{HEAD}2026-01-01,1\n", columns) == says


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (Columns(time="is_ok"), "has no times in column 'is_ok', but bool"),
        (Columns(value="is_ok"), "has no numbers in column 'is_ok', but bool"),
    ],
)
def test_column_of_another_type_is_rejected(columns: Columns, says: str, tmp_path: Path) -> None:
    file = tmp_path / "meter"
    pq.write_table(pa.table({"time": pa.array(MOMENTS), "value": [1, 2], "is_ok": [True, False]}), file)
    assert rejection(file, columns) == says


def test_parquet_with_two_columns_of_a_name_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "meter"
    pq.write_table(pa.table([pa.array(MOMENTS), [1, 2], [3, 4]], names=["time", "value", "value"]), file)
    assert rejection(file) == "has two columns 'value'; give them different names"


def test_sensor_that_is_no_name_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "meter"
    pq.write_table(pa.table({"time": pa.array(MOMENTS), "value": [1, 2], "sensor_id": [[1], [2]]}), file)
    assert rejection(file).startswith("has no names in column 'sensor_id', but list<")


def test_names_that_are_no_text_are_rejected(tmp_path: Path) -> None:
    file = tmp_path / "meter"
    pq.write_table(pa.table({"time": pa.array(MOMENTS), "value": [1, 2], "sensor_id": [b"\xff", b"b"]}), file)
    assert rejection(file) == "has no names in column 'sensor_id', but binary"


def test_time_that_python_does_not_know_is_told_as_its_number(tmp_path: Path) -> None:
    file = tmp_path / "meter"
    pq.write_table(pa.table({"time": pa.array([0, 2**52], pa.timestamp("ms")), "value": [1, 2]}), file)
    assert (
        rejection(file)
        == "has '4503599627370496' in column 'time', row 2, which is not between 1970 and 2100"
    )


def test_file_that_begins_with_many_empty_lines_is_read(tmp_path: Path) -> None:
    file = tmp_path / "meter"
    file.write_text("\n" * 70_000 + f"{HEAD}2026-01-01,1\n")
    assert read_recording(file, Columns(), ZoneInfo("UTC"))[0].value_kwh.tolist() == [1.0]


def test_damaged_parquet_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "meter"
    pq.write_table(pa.table({"time": pa.array(MOMENTS), "value": [1.0, 2.0]}), file, compression="zstd")
    content = bytearray(file.read_bytes())
    content[4:60] = b"\xff" * 56
    file.write_bytes(content)
    assert rejection(file) == "is a damaged Parquet file"
