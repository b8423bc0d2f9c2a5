"""The page."""

from fastapi import Request
from nicegui import ui

from monitor.web.frame import frame
from monitor.web.sources import Sources


def add_sensor(sources: Sources) -> None:
    """Make the page."""

    @ui.page("/sensor")
    def page(request: Request) -> None:
        with frame(sources, request, "Sensor"):
            pass
