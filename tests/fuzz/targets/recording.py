"""A recording: behind a first line with what its columns mean, a file of CSV, gzip or Parquet.

It is rejected in one sentence; or each series has its times in order, and values that are readings.
"""

import gzip
import io
import tempfile
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from broker.messages import MAX_VALUE_KWH
from broker.program.escape import escape_text
from sensor_node.plan import PlanError
from sensor_node.recordings.recording import read_recording
from sensor_node.recordings.series import Columns, RecordedSeries
from tests.fuzz.oracles import assert_is_sentence

PARQUET = b"PAR1"
MOST_SENTENCE = 900
ZONE = ZoneInfo("Europe/Berlin")
_CSV = b"time,kwh\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,2.5\n2026-01-01T00:30Z,\n"
_GERMAN = b"Zeit;Verbrauch kWh\n29.03.2026 01:45;1,5\n29.03.2026 02:15;1,5\n29.03.2026 03:15;1.000,5\n"
_TWICE = b"time,value\n2026-10-25 02:30,1\n2026-10-25 02:45,2\n2026-10-25 02:30,3\n2026-10-25 02:45,4\n"
_SENSORS = b"time,sensor_id,value\n1767225600,a,1\n1767225600,b,2\n1767226500,a,3\n1767226500,b,-1\n"


def _parquet(**columns: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return b"\n" + file.getvalue()


SEEDS = (
    b"\n" + _CSV,
    b"cumulative\n" + _CSV,
    b"start Wh\n" + _CSV,
    b"MWh\n" + _CSV,
    b"\n" + _GERMAN,
    b"start\n" + _GERMAN,
    b"\n" + _TWICE,
    b"start cumulative\n" + _TWICE,
    b"\n" + _SENSORS,
    b"time=time value=value sensor=sensor_id\n" + _SENSORS,
    b"time=value value=time\n" + _SENSORS,
    b"time=nowhere\n" + _CSV,
    b"\n" + gzip.compress(_CSV, mtime=0),
    b"\n" + gzip.compress(_CSV, mtime=0)[:-9],
    b"\n" + _CSV.decode().encode("utf-16"),
    b"\n" + _GERMAN.replace(b"Zeit", b"Z\xe4hler").replace(b",", b"\xa0"),
    b"\n" + _CSV.replace(b"time", b"\xef\xbb\xbftime"),
    b"\n" + _CSV.replace(b"kwh", b"time"),
    b"\n" + _CSV.replace(b"2.5", b"1e999"),
    b"\n" + _CSV.replace(b"2.5", b"9" * 400),
    b"\n" + _CSV.replace(b"2.5", b"x" * 4000),
    b"\n" + _CSV.replace(b"kwh", b"\xf0\x9f\x98\x80" * 900 + b",kwh"),
    b"\n" + _CSV.replace(b"2.5", b"1000000.5"),
    b"\n" + _CSV.replace(b"2.5", b"0x1F"),
    b"\n" + _CSV.replace(b"2026", b"9999"),
    b"\n" + _CSV.replace(b"2026", b"0000"),
    b"\n" + _CSV.replace(b"00:15Z", b"00:15+99:99"),
    b"\n" + _CSV.replace(b"00:15Z", b"00:15\xe2\x80\xae\x1b[2J"),
    b"\n" + _CSV.replace(b"2.5", b'"2.5'),
    b"\n" + _CSV.replace(b"2.5", b"2.5,3,4"),
    b"\ntime,kwh\n" + b"2026-01-01,1\n" * 300,
    b"\ntime,kwh\n",
    b"\n1,2\n3,4\n",
    b"\n\n\n\r\r\n",
    b"\n" + b'"' * 9_000,
    b"\ntime,kwh\n2026-01-03,3\n2026-01-01,1\n2026-01-02,2\n",
    b"time=kwh value=kwh\n" + _CSV,
    b"\n" + _CSV.replace(b"kwh", b" time"),
    b"\n" + b" " * 70_000 + b"\n" + _CSV,
    b"\n" + b"\n" * 70_000 + _CSV,
    b"\n\x1f\x1e",
    b"\n" + b"a," * 9_000 + b"\n",
    b"\nPAR1",
    _parquet(time=pa.array([0, 900_000], pa.timestamp("ms", "UTC")), kwh=[1.0, 2.0]),
    _parquet(time=pa.array([0, 2**62], pa.timestamp("ns")), kwh=pa.array([1, 2], pa.decimal128(9, 2))),
    _parquet(time=pa.array([0, 2**52], pa.timestamp("s")), kwh=[1.0, float("nan")]),
    _parquet(time=["2026-01-01", None], kwh=["1", "x"]),
    _parquet(time=[[1], [2]], kwh=[{"a": 1}, None]),
    _parquet(time=pa.array(["1", "2"]).dictionary_encode(), value=[True, False]),
    _parquet(time=pa.array([], pa.int64()), kwh=pa.array([], pa.float64())),
    _parquet(time=[1767225600, 1767226500], sensor_id=[b"\xff", b"b"], value=[1.0, 2.0]),
    b"",
)
TOKENS = tuple(
    b"time kwh value sensor_id register zeit ; , | \\t cumulative start Wh MWh 2026-01-01T00:15Z "
    b"29.03.2026 25.10.2026 02:30 1767225600 1767225600000 1.000,5 -1 nan NULL 1e308 inf "
    b"PAR1 \x1f\x8b \xef\xbb\xbf "
    b'" "" \\r \xe2\x80\xae'.split()
)


def check(data: bytes) -> None:
    words, _, content = data.partition(b"\n")
    if content.startswith(PARQUET) and data not in SEEDS:
        # What is damaged within such a file is for the package that reads it.
        return
    columns = _columns(words.decode(errors="replace").split())
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        try:
            found = read_recording(Path(file.name), columns, ZONE)
        except PlanError as error:
            assert_is_sentence(escape_text(str(error).replace(file.name, "")), MOST_SENTENCE)
            return
    assert found
    names = [series.name for series in found]
    assert len(set(names)) == len(names)
    for series in found:
        _check_series(series)


def _columns(words: list[str]) -> Columns:
    named = dict(word.split("=", 1) for word in words if "=" in word)
    unit: Literal["Wh", "kWh", "MWh"] = "Wh" if "Wh" in words else "MWh" if "MWh" in words else "kWh"
    return Columns(
        time=named.get("time"),
        value=named.get("value"),
        sensor=named.get("sensor"),
        unit=unit,
        cumulative="cumulative" in words,
        stamps="start" if "start" in words else "end",
    )


def _check_series(series: RecordedSeries) -> None:
    assert len(series.at_ms) == len(series.value_kwh) > 0
    assert (np.diff(series.at_ms) > 0).all(), "times are not in order"
    assert np.isfinite(series.value_kwh).all()
    assert ((series.value_kwh >= 0) & (series.value_kwh <= MAX_VALUE_KWH)).all()
    assert all(count > 0 for count in series.skipped.values())
