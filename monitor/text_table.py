"""Tables for terminals, in which every cell is text from the database and none of it steers anything."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size

from broker.escape import escape_text

GAP = "  "
KEY_WIDTH = 24
MIN_CUT_WIDTH = 6


class Column(NamedTuple):
    """How a column is shown.

    Attributes:
        title: What stands above it.
        is_number: Whether it is aligned at its right side.
        is_cuttable: Whether a text ends in "…" where it is too long.
        is_always_shown: Whether it is shown though no row has a text in it.
    """

    title: str
    is_number: bool = False
    is_cuttable: bool = False
    is_always_shown: bool = True


def number_columns(*titles: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(title, is_number=True) for title in titles]


def cuttable_columns(*titles: str) -> list[Column]:
    """Columns of texts that may be cut."""
    return [Column(title, is_cuttable=True) for title in titles]


def table_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, *, bold: bool = False
) -> list[str]:
    """Lay out a table.

    The first column says what a row is about, so that people can copy it: it is never cut, and one
    that is too long has a line of its own.

    Args:
        columns: Its columns.
        rows: Of each row the cells.
        width: How wide it may be. It is wider if that cannot be.
        bold: Whether its titles are.
    """
    used = [
        place
        for place, column in enumerate(columns)
        if column.is_always_shown or any(row[place] for row in rows)
    ]
    columns = [columns[place] for place in used]
    cells = [[escape_text(row[place]) for place in used] for row in rows]
    widths = _widths(columns, cells, width)
    titles = _line([column.title for column in columns], columns, widths)
    lines = [f"\x1b[1m{titles}\x1b[0m" if bold else titles]
    for row in cells:
        lines += _row(row, columns, widths)
    return lines


def pad_or_cut(text: str, width: int) -> str:
    """Make a text exactly so wide: filled with spaces, or cut."""
    return set_cell_size(text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…", width)


def wrap(text: str, width: int) -> list[str]:
    """Fill lines of a width with the words of a text; a word that fits no line is cut."""
    return fill_lines(text.split(), " ", width)


def fill_lines(parts: Iterable[str], gap: str, width: int) -> list[str]:
    """Fill lines of a width with parts; one that fits no line is cut."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(lines[-1]) + len(gap) + cell_len(part) <= width:
            lines[-1] += gap + part
        else:
            lines += chop_cells(part, width)
    return lines


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    widths = [
        max(map(cell_len, texts)) for texts in zip((column.title for column in columns), *cells, strict=True)
    ]
    room = width - len(GAP) * (len(columns) - 1)
    if sum(widths) > room:
        widths[0] = min(widths[0], KEY_WIDTH)
    while sum(widths) > room:
        cuttable = [place for place, column in enumerate(columns) if column.is_cuttable]
        # The first column comes last: what does not fit it has a line of its own.
        place = max(cuttable, key=lambda each: widths[each], default=0)
        place = place if widths[place] > MIN_CUT_WIDTH else 0
        if widths[place] <= MIN_CUT_WIDTH:
            break
        widths[place] -= 1
    return widths


def _row(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> Iterator[str]:
    if cell_len(row[0]) > widths[0]:
        yield row[0]
        row = ["", *row[1:]]
    yield _line(row, columns, widths)


def _line(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    texts = [
        " " * (width - cell_len(cell)) + cell if column.is_number else pad_or_cut(cell, width)
        for cell, column, width in zip(row, columns, widths, strict=True)
    ]
    return GAP.join(texts).rstrip()
