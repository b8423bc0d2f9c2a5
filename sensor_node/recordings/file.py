"""Open a file with a table: CSV in the ways that programs write it, also packed by gzip, or Parquet.

What a file is, is seen from how it begins, whatever it is called.
"""

import codecs
import contextlib
import csv
import gzip
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

# pyarrow comes without types.
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv as pcsv  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from broker.escape import escape_truncated
from sensor_node.recordings.series import RecordingError
from sensor_node.recordings.table import SHOWN_TEXT, RecordingTable

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
# Where a comma stands before decimals, another of these parts the columns: so the comma comes late.
DELIMITERS = (";", "\t", ",", "|")
SAMPLE_ROWS = 1000
LOOKED_AT_LINES = 5
LOOKED_AT_BYTES = 1 << 16
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_is_value = re.compile(r"[+-]?\d+([.,]\d+)?|\d{4}-\d\d-\d\d.*|\d\d?\.\d\d?\.\d{4}.*").fullmatch


def open_sheet(file: Path) -> RecordingTable:
    """Open a table.

    Raises:
        RecordingError: The file cannot be read, or is no table.
    """
    try:
        with file.open("rb") as opened:
            if opened.read(len(PARQUET)) == PARQUET:
                return _open_parquet(file)
            opened.seek(0)
            data = opened.read()
        if data.startswith(GZIP):
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RecordingError(f"the recording {file} is packed by gzip, but damaged") from error
    except OSError as error:
        raise RecordingError(f"the recording {file} cannot be read ({error.strerror or error})") from error
    return _open_csv(file, _to_utf_8(file, data))


def _open_parquet(file: Path) -> RecordingTable:
    def read(columns: Sequence[int]) -> list[pa.Array]:
        try:
            with pq.ParquetFile(file) as opened:
                table = opened.read(columns=[names[each] for each in columns])
        except (pa.ArrowException, OSError) as error:
            raise RecordingError(f"the recording {file} is Parquet, but damaged") from error
        return [_plain_array(table.column(names[each])) for each in columns]

    try:
        with pq.ParquetFile(file) as opened:
            names: tuple[str, ...] = tuple(opened.schema_arrow.names)
            first = next(opened.iter_batches(batch_size=SAMPLE_ROWS), None)
            sample = opened.schema_arrow.empty_table() if first is None else pa.Table.from_batches([first])
    except (pa.ArrowException, OSError) as error:
        raise RecordingError(f"the recording {file} is Parquet, but damaged") from error
    _check_names(file, names)
    plain = pa.Table.from_arrays([_plain_array(each) for each in sample.columns], names=list(names))
    return RecordingTable(file, names, plain, read)


def _plain_array(column: pa.ChunkedArray) -> pa.Array:
    """One array, and texts as texts where the file numbers them."""
    whole = column.combine_chunks()
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole


def _to_utf_8(file: Path, data: bytes) -> bytes:
    if data.startswith(UTF_16):
        # Spreadsheets call this "Unicode text".
        data = data.decode("utf-16", errors="replace").encode()
    if b"\0" in data:
        raise RecordingError(f"the recording {file} is neither CSV nor Parquet")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        # The usual one of Windows in Western Europe.
        text = data.decode("cp1252", errors="replace")
        data = text.encode()
    if not text.strip():
        raise RecordingError(f"the recording {file} is empty")
    return data


def _open_csv(file: Path, data: bytes) -> RecordingTable:
    delimiter = _find_delimiter(data)
    ragged: list[pcsv.InvalidRow] = []

    def note(row: pcsv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    parse = pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in data, invalid_row_handler=note)
    try:
        with pcsv.open_csv(pa.BufferReader(data), parse_options=parse) as opened:
            raw: list[str] = opened.schema.names
    except pa.ArrowInvalid as error:
        raise _no_csv(file, ragged) from error
    if all(_is_value(name.strip()) for name in raw):
        raise RecordingError(
            f"the recording {file} begins with values; its first line must name the columns, like time,value"
        )
    names = tuple(name.strip() for name in raw)
    _check_names(file, names)
    # As numbers they would be what the first rows look like; as texts they can be shown if they are wrong.
    types = dict.fromkeys(raw, pa.string())

    def read(columns: Sequence[int]) -> list[pa.Array]:
        wanted = pcsv.ConvertOptions(column_types=types, include_columns=[raw[each] for each in columns])
        try:
            table = pcsv.read_csv(pa.BufferReader(data), parse_options=parse, convert_options=wanted)
        except pa.ArrowInvalid as error:
            raise _no_csv(file, ragged) from error
        return [_plain_array(table.column(raw[each])) for each in columns]

    try:
        sample = _first_rows(data, parse, types)
    except pa.ArrowInvalid as error:
        raise _no_csv(file, ragged) from error
    # Empty lines are passed over, and a text in quotes may go over several.
    is_line_a_row = not re.search(rb'"|^\r?\n|\n\r?\n|\r\r', data)
    return RecordingTable(file, names, sample, read, delimiter in ";\t", 2 if is_line_a_row else None)


def _find_delimiter(data: bytes) -> str:
    """What parts the first lines into the same number of columns each, or the first into the most."""
    text = data[:LOOKED_AT_BYTES].decode(errors="replace")
    lines = [line for line in text.splitlines() if line.strip()][:LOOKED_AT_LINES]
    for delimiter in DELIMITERS:
        with contextlib.suppress(csv.Error):
            widths = {len(row) for row in csv.reader(lines, delimiter=delimiter)}
            if len(widths) == 1 and widths != {1}:
                return delimiter
    head = lines[0] if lines else ""
    best = max(DELIMITERS, key=head.count)
    return best if best in head else ","


def _check_names(file: Path, names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RecordingError(
            f"the recording {file} has two columns '{escape_truncated(twice, SHOWN_TEXT)}'; "
            "give them different names"
        )


def _first_rows(data: bytes, parse: pcsv.ParseOptions, types: dict[str, pa.DataType]) -> pa.Table:
    options = pcsv.ConvertOptions(column_types=types)
    with pcsv.open_csv(pa.BufferReader(data), parse_options=parse, convert_options=options) as opened:
        first = next(iter(opened), None)
        whole = opened.schema.empty_table() if first is None else pa.Table.from_batches([first])
    return whole.slice(0, SAMPLE_ROWS).combine_chunks()


def _no_csv(file: Path, ragged: Sequence[pcsv.InvalidRow]) -> RecordingError:
    if ragged:
        row = ragged[0]
        return RecordingError(
            f"the recording {file} has {row.actual_columns} instead of {row.expected_columns} columns "
            f"in '{escape_truncated(row.text, SHOWN_TEXT)}'"
        )
    return RecordingError(f"the recording {file} is neither CSV nor Parquet")
