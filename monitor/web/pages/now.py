"""The page *Now*: is anything wrong, how much is used, and how is each sensor."""

from collections import Counter
from collections.abc import Sequence

from fastapi import Request
from nicegui import ui

from ingestor.documents import AlarmDocument, utc_now
from monitor.live.snapshot import REFRESH_EVERY_S
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.formatting import format_energy, format_power
from monitor.web.widgets.alarm_list import AlarmListView, severity_class
from monitor.web.widgets.kpi import Kpi
from monitor.web.widgets.layout import add_text, page_layout
from monitor.web.widgets.sensor_grid import SensorGrid

ALARMS_SHOWN = 4


def add_now(sources: Dependencies) -> None:
    """Make the page.

    Args:
        sources: What it shows.
    """

    @ui.page("/")
    async def now(request: Request) -> None:
        with page_layout(sources, request, "Now") as person:
            page = _Now(sources, person)
        await page.update()
        ui.timer(REFRESH_EVERY_S, page.update)


class _Now:
    """The page in one browser: once a second, whatever has changed."""

    def __init__(self, sources: Dependencies, person: Session) -> None:
        self._sources = sources
        with ui.element("div").classes("figures"):
            self._power, self._today = Kpi("Power now"), Kpi("Energy today")
            self._standing, self._heard = Kpi("Standing alarms"), Kpi("Sensors online")
        with ui.element("section").props('aria-label="Standing alarms"'):
            self._alarms = AlarmListView(sources, person)
            self._more = ui.link("", "/alarms").classes("more")
        add_text("Sensors", "h2")
        self._grid = SensorGrid(sources.live)

    async def update(self) -> None:
        """Show what is so now."""
        standing = self._sources.live.active_alarms
        self._show_figures(standing)
        self._alarms.show(standing[:ALARMS_SHOWN])
        self._more.text = f"All {len(standing):,} standing alarms"
        self._more.visible = len(standing) > ALARMS_SHOWN
        await self._grid.show(_worst(standing))

    def _show_figures(self, standing: Sequence[AlarmDocument]) -> None:
        live = self._sources.live
        sums = live.sensor_cache.totals(utc_now())
        self._power.show(format_power(sums.power_kw), f"from {sums.online:,} sensors")
        used_kwh = live.today.energy_kwh if live.today else 0.0
        self._today.show(format_energy(used_kwh), f"since midnight, {self._sources.zone.key}")
        counts = Counter(severity_class(alarm["severity"]) for alarm in standing)
        unseen = sum(alarm["acknowledged_at"] is None for alarm in standing)
        parts = ", ".join(f"{count:,} {severity}" for severity, count in counts.items())
        detail = f"{parts}; {unseen:,} not seen" if counts else "all is well"
        self._standing.show(f"{len(standing):,}", detail, next(iter(counts), "well"))
        away = f"{sums.stale:,} silent, {sums.offline:,} offline" if sums.stale + sums.offline else ""
        online = f"{sums.online:,} of {sums.sensors:,}"
        self._heard.show(online, away or "none is missing", "away" if away else "")


def _worst(standing: Sequence[AlarmDocument]) -> dict[str, str]:
    """The worst severity of each sensor that has an alarm; they come the worst first."""
    worst: dict[str, str] = {}
    for alarm in standing:
        worst.setdefault(alarm["sensor_id"], severity_class(alarm["severity"]))
    return worst
