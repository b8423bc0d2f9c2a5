"""The formats of an export, each with a writer that takes readings batch by batch until it is closed.

All have the same columns in the same order. Where a reading has no location or no threshold, CSV has an
empty cell, the others have null. The file stays open, and any ``OSError`` of it comes through.
"""

import csv
import functools
import io
import json
from collections.abc import Sequence
from typing import BinaryIO, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from broker.program.escape import escape_text
from ingestor.documents import Measure, format_timestamp

FormatName = Literal["csv", "parquet", "jsonl"]

TIME = pa.timestamp("ms", tz="UTC")
SCHEMA = pa.schema(
    [
        ("sensor_id", pa.string()),
        ("site", pa.string()),
        ("location", pa.string()),
        ("value_kwh", pa.float64()),
        ("timestamp", TIME),
        ("is_anomaly", pa.bool_()),
        ("threshold_kwh", pa.float64()),
        ("received_at", TIME),
    ]
)
COLUMNS = tuple(SCHEMA.names)
ROW_GROUP = 100_000
KNOWN_TEXTS = 4096

# What spreadsheets take for the beginning of a formula, or skip before they look for one. The last
# four are the wide forms, which some of them read in the same way.
FORMULA_BEGINS = frozenset("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")


class CsvWriter:
    """CSV as RFC 4180 has it, in UTF-8, with a line of column names first.

    The location of a reading is whatever a sensor sent. Spreadsheets run a cell that begins with ``=``
    or the like as a formula, which may send the sheet's contents away or start programs ("CSV
    injection"). As OWASP advises, an apostrophe goes before such a text: it is shown as a text then.
    Numbers and times are written by this program and need none.

    Control and other invisible characters are escaped: people look at the file in terminals and
    spreadsheets. The other formats are for programs, and hold what the sensor sent.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._write_rows([COLUMNS])

    def write(self, batch: Sequence[Measure]) -> None:
        """Write some readings after those before."""
        self._write_rows(
            [
                (
                    escape_cell(measure["sensor_id"]),
                    escape_cell(measure["site"]),
                    escape_cell(measure["location"]),
                    measure["value_kwh"],
                    format_timestamp(measure["timestamp"]),
                    "true" if measure["is_anomaly"] else "false",
                    measure.get("threshold_kwh"),
                    format_timestamp(measure["received_at"]),
                )
                for measure in batch
            ]
        )

    def close(self) -> None:
        """Nothing is held back."""

    def _write_rows(self, rows: Sequence[Sequence[object]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self._out.write(text.getvalue().encode())


@functools.lru_cache(KNOWN_TEXTS)
def escape_cell(text: str | None) -> str | None:
    """Put an apostrophe before a text that a spreadsheet would run as a formula, and escape the invisible."""
    if not text:
        return text
    # Some skip spaces before they look for a formula.
    is_formula = text.lstrip()[:1] in FORMULA_BEGINS or text[0] in FORMULA_BEGINS
    shown = escape_text(text)
    return f"'{shown}" if is_formula else shown


class JsonLinesWriter:
    """JSON Lines: one object a line, in UTF-8."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._encode = json.JSONEncoder(ensure_ascii=False, default=format_timestamp).encode

    def write(self, batch: Sequence[Measure]) -> None:
        """Write some readings after those before."""
        lines = [self._encode({name: measure.get(name) for name in COLUMNS}) for measure in batch]
        self._out.write("".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        """Nothing is held back."""


class ParquetWriter:
    """Parquet with typed columns, compressed by zstd, in groups of 100,000 rows."""

    def __init__(self, out: BinaryIO) -> None:
        self._parquet = pq.ParquetWriter(out, SCHEMA, compression="zstd")
        # Converted at once: as Arrow has them, readings take a tenth of the memory.
        self._held: list[pa.RecordBatch] = []
        self._held_rows = 0

    def write(self, batch: Sequence[Measure]) -> None:
        """Write some readings after those before."""
        self._held.append(pa.RecordBatch.from_pylist(batch, schema=SCHEMA))
        self._held_rows += len(batch)
        if self._held_rows >= ROW_GROUP:
            self._write_group()

    def close(self) -> None:
        """Write what is still held back, and the end."""
        try:
            self._write_group()
            self._parquet.close()
        finally:
            # Else pyarrow would try once more when it is thrown away, and complain if that fails too.
            self._parquet.is_open = False

    def _write_group(self) -> None:
        held, self._held, self._held_rows = self._held, [], 0
        if held:
            self._parquet.write_table(pa.Table.from_batches(held))


FORMATS: dict[FormatName, type[CsvWriter] | type[JsonLinesWriter] | type[ParquetWriter]] = {
    "csv": CsvWriter,
    "parquet": ParquetWriter,
    "jsonl": JsonLinesWriter,
}
