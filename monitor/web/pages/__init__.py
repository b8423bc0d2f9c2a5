"""The pages."""

from collections.abc import Callable

from fastapi import Request
from nicegui import ui

from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.pages.alarms import AlarmsPage
from monitor.web.pages.compare import ComparePage
from monitor.web.pages.health import HealthPage
from monitor.web.pages.now import NowPage
from monitor.web.pages.sensor import add_sensor
from monitor.web.widgets.layout import PATHS, page_layout

PAGES = {"Now": NowPage, "Alarms": AlarmsPage, "Compare": ComparePage, "Health": HealthPage}


def add_pages(deps: Dependencies) -> None:
    """Add all pages to NiceGUI."""
    for title, draw in PAGES.items():
        _add_page(deps, title, draw)
    add_sensor(deps)


def _add_page(deps: Dependencies, title: str, draw: Callable[[Dependencies, Session], object]) -> None:
    @ui.page(PATHS[title])
    def page(request: Request) -> None:
        with page_layout(deps, request, title) as session:
            draw(deps, session)
