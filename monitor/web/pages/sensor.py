"""The page of one sensor: its readings, its alarms, and its rejected payloads."""

import asyncio
import contextlib
from functools import partial

from fastapi import Request
from nicegui import ui

from ingestor.documents import utc_now
from monitor.formatting import format_ago, format_clock, format_energy, format_number, format_power
from monitor.live.live_sensor import LiveSensor
from monitor.queries.alarms import AlarmFilter
from monitor.queries.database import QueryError, TimeRange
from monitor.queries.document_checks import ALARMS
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.html import escape_html, render
from monitor.web.sensor_history import SensorHistory, load_history
from monitor.web.widgets.alarm_list import AlarmListView
from monitor.web.widgets.charts import history_chart
from monitor.web.widgets.choice import TimeRangePicker
from monitor.web.widgets.layout import page_layout
from monitor.web.widgets.rejected_list import RejectedListView
from monitor.web.widgets.sensor_dialog import open_sensor_dialog
from monitor.web.widgets.text import Text

# Hours.
PERIODS = {"1 h": 1.0, "24 h": 24.0, "7 d": 168.0, "30 d": 720.0, "1 y": 8784.0}
POLL_EVERY_S = 5.0
FIRST_POLL_LIMIT_S = 2.0
ALARMS_SHOWN = 10
REJECTED_SHOWN = 10
WAITING = "The database has not answered yet. Reload this page later."
RESOLUTIONS = {"raw": "every reading", "hourly": "by hour", "daily": "by day"}


def add_sensor(deps: Dependencies) -> None:
    """Add the page."""

    @ui.page("/sensor/{sensor_id}")
    async def sensor(request: Request, sensor_id: str, span: str = "1 h") -> None:
        # After a restart of this process a browser reconnects at once, before any sensor is loaded.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_POLL_LIMIT_S):
                await deps.live.has_loaded.wait()
        known = deps.live.sensor_cache.sensors.get(sensor_id)
        with page_layout(deps, request, sensor_id if known else "Sensor") as session:
            if known is None:
                unknown = f"Unknown sensor {sensor_id}."
                Text(WAITING if deps.live.fresh_at is None else unknown, "p", "empty")
                return
            _SensorPage(deps, session, known, span)


class _SensorPage:
    """The page in one browser."""

    def __init__(self, deps: Dependencies, session: Session, sensor: LiveSensor, period: str) -> None:
        self._deps = deps
        self._sensor = sensor
        self._lead = Text("", "p", "lead")
        self._state = ui.html("", sanitize=False, tag="dl").classes("facts")
        if session.role == "operator":
            edit = partial(open_sensor_dialog, deps, session, sensor.sensor_id)
            ui.button("Location and threshold", on_click=edit).props("dense outline")
        self._alarms = AlarmListView(deps, session)
        Text("Readings", "h2")
        self._period = TimeRangePicker(deps.zone, PERIODS, period, self.load)
        with ui.element("div").classes("card"):
            self._note = Text("Loading …", "p", "loading").props('role="status"')
            self._chart = ui.echart({}).classes("chart")
            self._chart.props(f'role="img" aria-label="Readings of {escape_html(sensor.sensor_id)}"')
            self._chart.visible = False
            self._facts = ui.html("", sanitize=False, tag="dl").classes("facts")
        Text("Alarms", "h2")
        self._no_past = Text("Loading …", "p", "empty")
        self._past = AlarmListView(deps, session)
        Text("Rejected payloads", "h2")
        self._rejected = RejectedListView(deps, session)
        self.update()
        ui.timer(1.0, self.update)
        ui.timer(POLL_EVERY_S, self.reload)

    def update(self) -> None:
        """Show the present state."""
        sensor, now = self._sensor, utc_now()
        self._lead.show(" · ".join(filter(None, (sensor.site, sensor.location))))
        threshold = self._threshold_kwh(None)
        facts = {
            "State": sensor.state(now),
            "Last reading": "—" if sensor.value_kwh is None else f"{format_number(sensor.value_kwh)} kWh",
            "Last seen": format_ago(sensor.last_seen_at, now),
            "Power": format_power(sensor.power_kw(now)),
            "Threshold": "Unknown" if threshold is None else f"{threshold:g} kWh",
        }
        self._state.content = render("facts.html", facts=facts)
        active = self._deps.live.active_alarms
        self._alarms.show([each for each in active if each["sensor_id"] == sensor.sensor_id])

    async def reload(self) -> None:
        """Load again, if the period ends now."""
        if self._period.is_running:
            await self.load()

    async def load(self) -> None:
        """Show the readings, past alarms and rejected payloads of the period."""
        deps, sensor, period = self._deps, self._sensor, self._period.time_range()
        if period is None:
            self._show_note("The end must be after the start.")
            return
        try:
            self._show(await load_history(deps.readings, sensor.sensor_id, period), period)
            past = await deps.alarms.page("past", AlarmFilter(sensor_id=sensor.sensor_id), ALARMS_SHOWN)
            self._past.show(ALARMS.valid(past.documents))
            self._no_past.show(None if past.documents else "No past alarms.")
            topic = deps.topics.readings(sensor.site, sensor.sensor_id)
            self._rejected.show(await deps.rejected.newest(REJECTED_SHOWN, topic=topic))
        except QueryError as error:
            if not self._chart.visible:
                self._show_note(f"{error}. This page updates automatically.")

    def _show_note(self, sentence: str) -> None:
        self._note.show(sentence)
        self._chart.visible = False

    def _show(self, history: SensorHistory, period: TimeRange) -> None:
        points = history.points
        if not points:
            self._show_note("No readings in this period.")
            self._facts.content = ""
            return
        self._note.show(None)
        self._chart.visible = True
        threshold_kwh = self._threshold_kwh(history.threshold_kwh)
        options = history_chart(history, threshold_kwh, self._deps.zone)
        # Without the zoom, which is the user's.
        if "dataZoom" in self._chart.options:
            options.pop("dataZoom")
        self._chart.options.update(options)
        start, end = (format_clock(each, self._deps.zone, form="%Y-%m-%d %H:%M") for each in period)
        until = "now" if self._period.is_running else end
        energy_kwh, readings = sum(each.energy_kwh for each in points), sum(each.readings for each in points)
        facts = {
            "Shown": f"{RESOLUTIONS[history.resolution]}, {start} to {until}",
            "Energy": format_energy(energy_kwh),
            "Readings": f"{readings:,}",
            "Mean reading": f"{format_number(energy_kwh / readings)} kWh",
            "Highest": f"{format_number(max(each.max_kwh for each in points))} kWh",
            "Anomalies": f"{sum(each.anomalies for each in points):,}",
        }
        self._facts.content = render("facts.html", facts=facts)

    def _threshold_kwh(self, seen_kwh: float | None) -> float | None:
        """Its own threshold, or the one that its readings exceeded, or the ingestor's."""
        own_kwh = self._sensor.threshold_kwh
        known = (own_kwh, seen_kwh, self._deps.ingestors.threshold_kwh)
        return next((each for each in known if each is not None), None)
