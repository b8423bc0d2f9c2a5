"""The page *Now*: is anything wrong, how much is used, and how is each sensor."""

from collections import Counter
from collections.abc import Sequence

from nicegui import ui

from ingestor.documents import AlarmDocument, utc_now
from monitor.formatting import format_energy, format_power
from monitor.live.snapshot import REFRESH_EVERY_S
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.widgets.alarm_list import AlarmListView, severity_class
from monitor.web.widgets.sensor_grid import SensorGrid
from monitor.web.widgets.text import Kpi, Text

ALARMS_SHOWN = 4


class NowPage:
    """The page in one browser: once a second, whatever has changed."""

    def __init__(self, deps: Dependencies, session: Session) -> None:
        self._deps = deps
        with ui.element("div").classes("kpis"):
            self._power, self._today = Kpi("Power now"), Kpi("Energy today")
            self._active, self._online = Kpi("Active alarms"), Kpi("Sensors online")
        with ui.element("section").props('aria-label="Active alarms"'):
            self._alarms = AlarmListView(deps, session)
            self._more = ui.link("", "/alarms").classes("more")
        Text("Sensors", "h2")
        self._grid = SensorGrid(deps.live)
        self._show()
        ui.timer(REFRESH_EVERY_S, self.update)

    async def update(self) -> None:
        """Show the present state."""
        await self._grid.load_history()
        self._show()

    def _show(self) -> None:
        active = self._deps.live.active_alarms
        self._show_kpis(active)
        self._alarms.show(active[:ALARMS_SHOWN])
        self._more.text = f"Show all {len(active):,} active alarms"
        self._more.visible = len(active) > ALARMS_SHOWN
        self._grid.show(_worst(active))

    def _show_kpis(self, active: Sequence[AlarmDocument]) -> None:
        live = self._deps.live
        sums = live.sensor_cache.totals(utc_now())
        self._power.show(format_power(sums.power_kw), f"from {sums.online:,} sensors")
        used_kwh = live.today.energy_kwh if live.today else 0.0
        self._today.show(format_energy(used_kwh), f"since midnight, {self._deps.zone.key}")
        counts = Counter(severity_class(alarm["severity"]) for alarm in active)
        parts = ", ".join(f"{count:,} {severity}" for severity, count in counts.items())
        unacknowledged = sum(alarm["acknowledged_at"] is None for alarm in active)
        detail = f"{parts}; {unacknowledged:,} not acknowledged" if counts else "All OK"
        self._active.show(f"{len(active):,}", detail, next(iter(counts), "ok"))
        away = f"{sums.stale:,} stale, {sums.offline:,} offline" if sums.stale + sums.offline else ""
        online = f"{sums.online:,} of {sums.sensors:,}"
        self._online.show(online, away or "All online", "away" if away else "")


def _worst(active: Sequence[AlarmDocument]) -> dict[str, str]:
    """The worst severity of each sensor that has an alarm; the alarms come worst first."""
    return {alarm["sensor_id"]: severity_class(alarm["severity"]) for alarm in reversed(active)}
