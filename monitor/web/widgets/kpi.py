"""Small pieces of HTML that several pages draw: a figure with its name, a list of facts, a table."""

from collections.abc import Mapping, Sequence

from nicegui import ui

from monitor.web.formatting import escape_html


class Kpi:
    """A number that matters, with its name above and what it means below.

    Args:
        name: What it is.
    """

    def __init__(self, name: str) -> None:
        self._name = escape_html(name)
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
            f'<span class="figure-value">{escape_html(value)}</span>'
            f'<span class="figure-detail">{escape_html(detail)}</span>'
        )


def facts_html(facts: Mapping[str, str]) -> str:
    """Names and values as HTML."""
    pairs = ((escape_html(name), escape_html(value)) for name, value in facts.items())
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs)


def table_html(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as HTML; the first cell of each is its head."""
    head = "".join(f'<th scope="col">{escape_html(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{escape_html(first)}</th>'
        f"{''.join(f'<td>{escape_html(each)}</td>' for each in rest)}</tr>"
        for first, *rest in rows
    )
    return f'<table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
