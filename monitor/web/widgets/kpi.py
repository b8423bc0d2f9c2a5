"""A key figure on a page."""

from nicegui import ui

from monitor.web.html import render


class Kpi:
    """A value with its name above and a detail below."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._html = ui.html("", sanitize=False).classes("kpi")

    def show(self, value: str, detail: str, status: str = "") -> None:
        """Show a value; its status is ``ok``, ``away`` or a severity."""
        self._html.classes(replace=f"kpi {status}")
        self._html.content = render("kpi.html", name=self._name, value=value, detail=detail)
