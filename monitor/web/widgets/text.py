"""Text on a page."""

from nicegui import ui

from monitor.web.html import escape_html


class Text(ui.html):
    """Text in an element; it may come from anybody: nothing in it is markup."""

    def __init__(self, text: str | None = "", tag: str = "p", classes: str = "") -> None:
        super().__init__(escape_html(text), tag=tag, sanitize=False)
        self.classes(classes)

    def show(self, text: str | None) -> None:
        """Show another text; hide the element if there is none."""
        self.content = escape_html(text)
        self.visible = bool(text)
