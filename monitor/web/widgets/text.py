"""Text and key figures on a page."""

from nicegui import ui

from monitor.web.html import escape_html, render


class Text(ui.html):
    """Text in an element; it may come from anybody: nothing in it is markup."""

    def __init__(self, text: str | None = "", tag: str = "p", classes: str = "") -> None:
        super().__init__(escape_html(text), tag=tag, sanitize=False)
        self.classes(classes)

    def show(self, text: str | None) -> None:
        """Show another text; hide the element if there is none."""
        self.content = escape_html(text)
        self.visible = bool(text)


class Kpi:
    """A value with its name above and a detail below."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._html = ui.html("", sanitize=False).classes("kpi")

    def show(self, value: str, detail: str, status: str = "") -> None:
        """Show a value; its status is ``ok``, ``away`` or a severity."""
        self._html.classes(replace=f"kpi {status}")
        self._html.content = render("kpi.html", name=self._name, value=value, detail=detail)
