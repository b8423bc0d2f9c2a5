"""Small pieces of HTML that several pages draw: a figure with its name, a list of facts, a table."""

from collections.abc import Mapping, Sequence

from nicegui import ui

from monitor.web.words import safe


class Figure:
    """A number that matters, with its name above and what it means below.

    Args:
        name: What it is.
    """

    def __init__(self, name: str) -> None:
        self._name = safe(name)
        self._html = ui.html("", sanitize=False).classes("figure")

    def show(self, value: str, detail: str, look: str = "") -> None:
        """Show a value.

        Args:
            value: The number, or a word.
            detail: What there is to know of it.
            look: ``well``, ``away`` or a severity.
        """
        self._html.classes(replace=f"figure {look}")
        self._html.content = (
            f'<span class="figure-name">{self._name}</span>'
            f'<span class="figure-value">{safe(value)}</span>'
            f'<span class="figure-detail">{safe(detail)}</span>'
        )


def to_facts(facts: Mapping[str, str]) -> str:
    """Names and values as HTML."""
    pairs = ((safe(name), safe(value)) for name, value in facts.items())
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs)


def to_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as HTML; the first cell of each is its head."""
    head = "".join(f'<th scope="col">{safe(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{safe(first)}</th>{"".join(f"<td>{safe(each)}</td>" for each in rest)}</tr>'
        for first, *rest in rows
    )
    return f'<table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
