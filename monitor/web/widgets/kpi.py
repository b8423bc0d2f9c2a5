"""A key figure of a page."""

from nicegui import ui

from monitor.web.html import render


class Kpi:
    """A number that matters, with its name above and what it means below.

    Args:
        name: What it is.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._html = ui.html("", sanitize=False).classes("kpi")

    def show(self, value: str, detail: str, status: str = "") -> None:
        """Show a value.

        Args:
            value: The number, or a word.
            detail: What there is to know of it.
            status: ``ok``, ``away`` or a severity.
        """
        self._html.classes(replace=f"kpi {status}")
        self._html.content = render("kpi.html", name=self._name, value=value, detail=detail)
