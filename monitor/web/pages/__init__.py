"""The pages."""

from monitor.web.dependencies import Dependencies
from monitor.web.pages.alarms import add_alarms
from monitor.web.pages.compare import add_compare
from monitor.web.pages.health import add_health
from monitor.web.pages.now import add_now
from monitor.web.pages.sensor import add_sensor


def add_pages(deps: Dependencies) -> None:
    """Add all pages to NiceGUI."""
    for add in (add_now, add_sensor, add_alarms, add_compare, add_health):
        add(deps)
