"""What is around every page: the way to the others, who is there, and whether what is shown is fresh."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request
from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from broker.escape import escape_text
from ingestor.documents import utc_now
from monitor.formatting import format_age
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.formatting import escape_html, format_clock

PAGES = {"Now": "/", "Alarms": "/alarms", "Compare": "/compare", "Health": "/health"}
BRAND = "#0b5c57"
THEMES = {"auto": None, "light": False, "dark": True}
THEME_COOKIE = "energy_monitor_theme"


@contextmanager
def page_layout(sources: Dependencies, request: Request, title: str) -> Iterator[Session]:
    """Draw the frame; what is drawn inside of the context is the page.

    Args:
        sources: What pages show.
        request: Which asks for the page; it has passed the gate.
        title: The page's.

    Yields:
        Who looks.
    """
    person: Session = request.state.person
    ui.page_title(escape_text(f"{title} · Energy Monitor"))
    ui.colors(primary=BRAND)
    with ui.header().classes("top"):
        ui.link("Energy Monitor", "/").classes("brand")
        badge = _add_navigation(title)
        with ui.element("div").classes("who"):
            _add_theme_choice(request.cookies.get(THEME_COOKIE, "auto"))
            leave = ui.element("form").props('method="post" action="/logout"')
            with leave, ui.element("button").props("type=submit"):
                add_text("Log out", "span")
                add_text(person.role, "span", "role")
    with ui.element("div").classes("page"):
        stale = add_text("", "div", "stale").props('role="alert"')
        add_text(title, "h1")
        yield person

    def update() -> None:
        count = len(sources.live.active_alarms)
        badge.content = str(count)
        badge.visible = count > 0
        sentence = stale_warning(sources)
        stale.content = escape_html(sentence)
        stale.visible = sentence is not None

    update()
    ui.timer(1.0, update)


def add_text(text: str | None, tag: str = "p", classes: str = "") -> ui.html:
    """Put text on the page. It may come from anybody: nothing of it is markup."""
    return ui.html(escape_html(text), tag=tag, sanitize=False).classes(classes)


def stale_warning(sources: Dependencies) -> str | None:
    """Say that what is shown is old, if it is."""
    error, fresh_at = sources.live.error, sources.live.fresh_at
    if error is None:
        return None
    if fresh_at is None:
        return f"{error}. Nothing can be shown yet; this page goes on by itself when it does."
    old_s = (utc_now() - fresh_at).total_seconds()
    seen = format_clock(fresh_at, sources.zone)
    return f"{error}. What you see is from {seen}, {format_age(old_s)} ago; this page goes on by itself."


def _add_navigation(title: str) -> ui.html:
    with ui.element("nav").props('aria-label="Pages"'):
        for name, path in PAGES.items():
            link = ui.link("", path)
            if name == title:
                link.props('aria-current="page"')
            with link:
                add_text(name, "span")
                if name == "Alarms":
                    badge = add_text("", "span", "badge")
    return badge


def _add_theme_choice(chosen: str) -> None:
    """A choice between light and dark, kept in the browser."""
    dark = ui.dark_mode(THEMES.get(chosen))

    def choose(event: ValueChangeEventArguments[str]) -> None:
        dark.set_value(THEMES[event.value])
        ui.run_javascript(
            f"document.cookie = '{THEME_COOKIE}={event.value}; path=/; max-age=31536000; samesite=strict' +"
            " (location.protocol === 'https:' ? '; secure' : '')"
        )

    value = chosen if chosen in THEMES else "auto"
    ui.select(list(THEMES), value=value, label="Theme", on_change=choose).props("dense borderless").classes(
        "theme"
    )
