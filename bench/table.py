"""Tables, as people see them on a terminal and in a document."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table as RichTable


@dataclass(frozen=True, slots=True)
class ResultTable:
    """One table.

    Attributes:
        name: In the document's marks.
        title: Above it.
        columns: The first is text, the others are numbers.
        rows: Cells as text.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def to_rich(self) -> RichTable:
        """For a terminal."""
        table = RichTable(title=self.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        for place, column in enumerate(self.columns):
            table.add_column(column, justify="right" if place else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def to_markdown(self) -> str:
        """For a document."""
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.rows]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """The median, and the least and the most in brackets: ``61,000 (58,000-63,000)``."""
    ordered = sorted(values)
    middle = ordered[len(ordered) // 2]
    if len(ordered) == 1:
        return format(middle, form)
    return f"{middle:{form}} ({ordered[0]:{form}}-{ordered[-1]:{form}})"
