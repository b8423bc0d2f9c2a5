"""What surrounds every page: navigation, session, theme, and a warning when the data is old."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request
from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from broker.program.escape import escape_text
from ingestor.documents import utc_now
from monitor.formatting import format_age, format_clock
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.widgets.text import Text

PATHS = {"Now": "/", "Alarms": "/alarms", "Compare": "/compare", "Health": "/health"}
BRAND = "#0b5c57"
THEMES = {"auto": None, "light": False, "dark": True}
THEME_COOKIE = "energy_monitor_theme"


@contextmanager
def page_layout(deps: Dependencies, request: Request, title: str) -> Iterator[Session]:
    """Draw the layout and yield the session; what is drawn within the context is the page.

    The request has passed the middleware.
    """
    session: Session = request.state.session
    ui.page_title(escape_text(f"{title} · Energy Monitor"))
    ui.colors(primary=BRAND)
    with ui.header().classes("top"):
        ui.link("Energy Monitor", "/").classes("brand")
        badge = _add_navigation(title)
        with ui.element("div").classes("who"):
            _add_theme_choice(request.cookies.get(THEME_COOKIE, "auto"))
            log_out = ui.element("form").props('method="post" action="/logout"')
            with log_out, ui.element("button").props("type=submit"):
                Text("Log out", "span")
                Text(session.role, "span", "role")
    with ui.element("div").classes("page"):
        warning = Text("", "div", "old-data").props('role="alert"')
        Text(title, "h1")
        yield session

    def update() -> None:
        badge.show(str(len(deps.live.active_alarms) or ""))
        warning.show(stale_warning(deps))

    update()
    ui.timer(1.0, update)


def stale_warning(deps: Dependencies) -> str | None:
    """Warn that the data shown is old, if it is."""
    error, fresh_at = deps.live.error, deps.live.fresh_at
    if error is None:
        return None
    if fresh_at is None:
        return f"{error}. No data yet; this page updates automatically."
    age = format_age((utc_now() - fresh_at).total_seconds())
    shown = f"{format_clock(fresh_at, deps.zone)}, {age} ago"
    return f"{error}. The data shown is from {shown}; this page updates automatically."


def _add_navigation(title: str) -> Text:
    with ui.element("nav").props('aria-label="Pages"'):
        for name, path in PATHS.items():
            link = ui.link("", path)
            if name == title:
                link.props('aria-current="page"')
            with link:
                Text(name, "span")
                if name == "Alarms":
                    badge = Text("", "span", "badge")
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
    choice = ui.select(list(THEMES), value=value, label="Theme", on_change=choose)
    choice.props("dense borderless").classes("theme")
