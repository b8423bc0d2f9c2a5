"""Open a file with a table: CSV in its usual forms, also compressed with gzip, or Parquet.

The format is recognized by how the file begins, whatever its name is.
"""

import codecs
import contextlib
import csv
import gzip
import re
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from sensor_node.plan import PlanError
from sensor_node.recordings.table import RecordingTable, quoted

# Of text, or of values in memory.
MAX_BYTES = 256 * 1024 * 1024
TOO_LARGE = f"holds more than {MAX_BYTES >> 20} MiB; split it"
BATCH_ROWS = 4096
GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
# A decimal comma can look like a delimiter, so the comma comes late.
DELIMITERS = (";", "\t", ",", "|")
DELIMITER_LINES = 5
DELIMITER_BYTES = 1 << 16
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_is_value = re.compile(r"[+-]?\d+([.,]\d+)?|\d{4}-\d\d-\d\d.*|\d\d?\.\d\d?\.\d{4}.*").fullmatch


def open_table(file: Path) -> RecordingTable:
    """Read a table; a PlanError if the file is not a table, as a sentence without its subject."""
    try:
        with file.open("rb") as opened:
            if opened.read(len(PARQUET)) == PARQUET:
                return _read_parquet(file)
            opened.seek(0)
            is_gzip = opened.read(len(GZIP)) == GZIP
            opened.seek(0)
            data = (gzip.GzipFile(fileobj=opened) if is_gzip else opened).read(MAX_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise PlanError("is a damaged gzip file") from error
    except OSError as error:
        raise PlanError(f"cannot be read ({error.strerror or error})") from error
    if len(data) > MAX_BYTES:
        raise PlanError(TOO_LARGE)
    return _read_csv(_to_utf_8(data))


def _read_parquet(file: Path) -> RecordingTable:
    try:
        with pq.ParquetFile(file) as opened:
            content = _read_batches(opened)
    except (pa.ArrowException, OSError) as error:
        raise PlanError("is a damaged Parquet file") from error
    return RecordingTable(_unique(content.column_names), content)


def _read_batches(opened: pq.ParquetFile) -> pa.Table:
    # A small file may hold billions of values that are all the same.
    batches, size = [], 0
    for batch in opened.iter_batches(batch_size=BATCH_ROWS):
        batches.append(batch)
        size += batch.nbytes
        if size > MAX_BYTES:
            raise PlanError(TOO_LARGE)
    return pa.Table.from_batches(batches, opened.schema_arrow)


def _to_utf_8(data: bytes) -> bytes:
    if data.startswith(UTF_16):
        # Spreadsheets call this "Unicode text".
        data = data.decode("utf-16", errors="replace").encode()
    if b"\0" in data:
        raise PlanError("is neither CSV nor Parquet")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        # The usual encoding of Windows in Western Europe.
        text = data.decode("cp1252", errors="replace")
        data = text.encode()
    if not text.strip():
        raise PlanError("is empty")
    return data


def _read_csv(data: bytes) -> RecordingTable:
    delimiter = _find_delimiter(data)
    ragged: list[pcsv.InvalidRow] = []

    def note(row: pcsv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    parse = pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in data, invalid_row_handler=note)
    try:
        with pcsv.open_csv(pa.BufferReader(data), parse_options=parse) as opened:
            raw: list[str] = opened.schema.names
        if all(_is_value(name.strip()) for name in raw):
            raise PlanError("begins with values; its first line must name the columns, like time,value")
        names = _unique([name.strip() for name in raw])
        # As texts, wrong values can be shown; as numbers, their type would depend on the first rows.
        texts = pcsv.ConvertOptions(column_types=dict.fromkeys(raw, pa.string()))
        content = pcsv.read_csv(pa.BufferReader(data), parse_options=parse, convert_options=texts)
    except pa.ArrowInvalid as error:
        if not ragged:
            raise PlanError("is neither CSV nor Parquet") from error
        raise PlanError(
            f"has {ragged[0].actual_columns} instead of {ragged[0].expected_columns} "
            f"columns in {quoted(ragged[0].text)}"
        ) from error
    # Empty lines are skipped, and a text in quotes may have several lines.
    is_line_a_row = not re.search(rb'"|^\r?\n|\n\r?\n|\r\r', data)
    return RecordingTable(names, content, delimiter in ";\t", 2 if is_line_a_row else None)


def _find_delimiter(data: bytes) -> str:
    """The delimiter that splits the first lines into equally many columns, or the first into the most."""
    text = data[:DELIMITER_BYTES].decode(errors="replace")
    lines = [line for line in text.splitlines() if line.strip()][:DELIMITER_LINES]
    for delimiter in DELIMITERS:
        with contextlib.suppress(csv.Error):
            widths = {len(row) for row in csv.reader(lines, delimiter=delimiter)}
            if len(widths) == 1 and widths != {1}:
                return delimiter
    head = lines[0] if lines else ""
    best = max(DELIMITERS, key=head.count)
    return best if best in head else ","


def _unique(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise PlanError(f"has two columns {quoted(name)}; give them different names")
    return tuple(names)
