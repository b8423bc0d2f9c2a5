"""Tables for terminals, in which every cell is text from the database and none of it steers anything."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size

from broker.program.escape import escape_text

GAP = "  "
KEY_WIDTH = 24
MIN_CUT_WIDTH = 6


class Column(NamedTuple):
    """A column: numbers are aligned at the right, cuttable texts end in "…" where they are too long."""

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
    that is too long has a line of its own. The table is wider than ``width`` only if it must be.
    """
    used = [n for n, column in enumerate(columns) if column.is_always_shown or any(row[n] for row in rows)]
    columns = [columns[n] for n in used]
    cells = [[escape_text(row[n]) for n in used] for row in rows]
    widths = _widths(columns, cells, width)
    titles = _line([column.title for column in columns], columns, widths)
    lines = [f"\x1b[1m{titles}\x1b[0m" if bold else titles]
    for key, *others in cells:
        is_alone = cell_len(key) > widths[0]
        lines += [key] * is_alone
        lines.append(_line(["" if is_alone else key, *others], columns, widths))
    return lines


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
    titles = (column.title for column in columns)
    widths = [max(map(cell_len, texts)) for texts in zip(titles, *cells, strict=True)]
    room = width - len(GAP) * (len(columns) - 1)
    if sum(widths) > room:
        widths[0] = min(widths[0], KEY_WIDTH)
    while sum(widths) > room:
        # The first column comes last: what does not fit it has a line of its own.
        cuttable = [n for n, column in enumerate(columns) if column.is_cuttable and widths[n] > MIN_CUT_WIDTH]
        widest = max(cuttable, key=widths.__getitem__, default=0)
        if widths[widest] <= MIN_CUT_WIDTH:
            break
        widths[widest] -= 1
    return widths


def _line(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    texts = [
        " " * (width - cell_len(cell)) + cell if column.is_number else _pad_or_cut(cell, width)
        for cell, column, width in zip(row, columns, widths, strict=True)
    ]
    return GAP.join(texts).rstrip()


def _pad_or_cut(text: str, width: int) -> str:
    return set_cell_size(text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…", width)
