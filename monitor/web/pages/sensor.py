"""The page of one sensor: what it measured, its alarms, and what was refused of it."""

import asyncio
import contextlib

from fastapi import Request
from nicegui import ui

from broker.topics import SensorKey, Topics
from ingestor.documents import utc_now
from monitor.formatting import format_ago, format_number
from monitor.live.live_sensor import LiveSensor
from monitor.queries.alarms import AlarmFilter
from monitor.queries.database import QueryError, TimeRange
from monitor.queries.document_checks import ALARMS
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.formatting import escape_html, format_clock, format_energy, format_power
from monitor.web.sensor_history import SensorHistory, load_history
from monitor.web.widgets.alarm_list import AlarmListView
from monitor.web.widgets.charts import history_chart
from monitor.web.widgets.kpi import facts_html
from monitor.web.widgets.layout import add_text, page_layout
from monitor.web.widgets.rejected_list import RejectedListView
from monitor.web.widgets.sensor_dialog import open_sensor_dialog
from monitor.web.widgets.time_range_picker import TimeRangePicker

SPANS = {"1 h": 1.0, "24 h": 24.0, "7 d": 168.0, "30 d": 720.0, "1 y": 8784.0}
POLL_EVERY_S = 5.0
FIRST_POLL_LIMIT_S = 2.0
ALARMS_SHOWN = 10
REJECTED_SHOWN = 10
WAITING = "The database has not answered yet; load this page again when it does."
GRAINS = {"raw": "each reading", "hourly": "hour by hour", "daily": "day by day"}


def add_sensor(sources: Dependencies) -> None:
    """Make the page.

    Args:
        sources: What it shows.
    """

    @ui.page("/sensor/{sensor_id}")
    async def sensor(request: Request, sensor_id: str, span: str = "1 h") -> None:
        # A browser is back at once when this process was started again, before it knows any sensor.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_POLL_LIMIT_S):
                await sources.live.has_loaded.wait()
        known = sources.live.sensor_cache.sensors.get(sensor_id)
        with page_layout(sources, request, sensor_id if known else "Sensor") as person:
            if known is None:
                sentence = WAITING if sources.live.fresh_at is None else f"No sensor {sensor_id} is known."
                add_text(sentence, "p", "empty")
                return
            page = _Sensor(sources, person, known, span)
        ui.timer(1.0, page.update)
        ui.timer(0.0, page.look, once=True)
        ui.timer(POLL_EVERY_S, page.look_again)


class _Sensor:
    """The page in one browser."""

    def __init__(self, sources: Dependencies, person: Session, sensor: LiveSensor, span: str) -> None:
        self._sources = sources
        self._person = person
        self._sensor = sensor
        self._lead = add_text("", "p", "lead")
        self._now = ui.html("", sanitize=False, tag="dl").classes("facts")
        if person.role == "operator":
            ui.button("Location and threshold", on_click=self._edit).props("dense outline")
        self._alarms = AlarmListView(sources, person)
        add_text("Readings", "h2")
        self._span = TimeRangePicker(sources.zone, SPANS, span, self.look)
        with ui.element("div").classes("card"):
            self._note = add_text("Looking …", "p", "loading").props('role="status"')
            self._chart = ui.echart({}).classes("chart")
            self._chart.props(f'role="img" aria-label="Readings of {escape_html(sensor.sensor_id)}"')
            self._chart.visible = False
            self._facts = ui.html("", sanitize=False, tag="dl").classes("facts")
        add_text("Alarms", "h2")
        self._no_past = add_text("Looking …", "p", "empty")
        self._past = AlarmListView(sources, person)
        add_text("Refused payloads", "h2")
        self._rejected = RejectedListView(sources, person)
        self.update()

    def update(self) -> None:
        """Show what is so now."""
        sensor, now = self._sensor, utc_now()
        self._lead.content = escape_html(" · ".join(filter(None, (sensor.site, sensor.location))))
        value = "—" if sensor.value_kwh is None else f"{format_number(sensor.value_kwh)} kWh"
        heard = format_ago(sensor.last_seen_at, now)
        threshold = self._threshold_kwh(None)
        facts = {"State": sensor.state(now), "Last reading": value, "Heard": heard}
        facts |= {"Power": format_power(sensor.power_kw(now))}
        facts |= {"Threshold": "not known" if threshold is None else f"{threshold:g} kWh"}
        self._now.content = facts_html(facts)
        mine = [each for each in self._sources.live.active_alarms if each["sensor_id"] == sensor.sensor_id]
        self._alarms.show(mine)

    async def look_again(self) -> None:
        """Look again, if what is shown goes on until now."""
        if self._span.is_running:
            await self.look()

    async def look(self) -> None:
        """Look up what is shown of the past."""
        span = self._span.time_range()
        if span is None:
            self._say("This is no time: write when it begins and, later than that, when it ends.")
            return
        try:
            self._show(await load_history(self._sources.readings, self._sensor.sensor_id, span), span)
            await self._show_past()
            await self._show_rejected()
        except QueryError as error:
            if not self._chart.visible:
                self._say(f"{error}. This page goes on by itself when it does.")

    def _say(self, sentence: str) -> None:
        self._note.content, self._note.visible, self._chart.visible = escape_html(sentence), True, False

    def _show(self, history: SensorHistory, span: TimeRange) -> None:
        if not history.values:
            self._say("No readings in this time.")
            self._facts.content = ""
            return
        self._note.visible, self._chart.visible = False, True
        threshold_kwh = self._threshold_kwh(history.threshold_kwh)
        options = history_chart(history, threshold_kwh, self._sources.zone)
        # Without the zoom, which is the reader's.
        if "dataZoom" in self._chart.options:
            options.pop("dataZoom")
        self._chart.options.update(options)
        mean_kwh = history.energy_kwh / history.readings
        times = [format_clock(each, self._sources.zone, form="%Y-%m-%d %H:%M") for each in span]
        shown = (
            f"{GRAINS[history.resolution]}, {times[0]} to {times[1] if not self._span.is_running else 'now'}"
        )
        facts = {
            "Shown": shown,
            "Energy": format_energy(history.energy_kwh),
            "Readings": f"{history.readings:,}",
        }
        facts |= {
            "Mean reading": f"{format_number(mean_kwh)} kWh",
            "Highest": f"{format_number(history.max_kwh)} kWh",
        }
        self._facts.content = facts_html(facts | {"Anomalies": f"{history.anomaly_count:,}"})

    def _threshold_kwh(self, seen_kwh: float | None) -> float | None:
        """Its own threshold, or the one that its readings exceeded, or the ingestor's."""
        statuses = (heard.status.threshold_kwh for heard in self._sources.ingestors.reports.values())
        usual_kwh = next((each for each in statuses if each is not None), None)
        own_kwh = self._sensor.threshold_kwh
        return own_kwh if own_kwh is not None else usual_kwh if seen_kwh is None else seen_kwh

    async def _show_past(self) -> None:
        sought = AlarmFilter(sensor_id=self._sensor.sensor_id)
        page = await self._sources.episodes.page("past", sought, ALARMS_SHOWN)
        self._past.show(ALARMS.valid(page.documents))
        self._no_past.content, self._no_past.visible = "None has come and gone so far.", not page.documents

    async def _show_rejected(self) -> None:
        topic = Topics(self._sources.topic_root).readings(self._sensor.site, self._sensor.sensor_id)
        found = await self._sources.rejected.newest(REJECTED_SHOWN, topic=topic) if self._sensor.site else []
        self._rejected.show(found)

    async def _edit(self) -> None:
        await open_sensor_dialog(
            self._sources, self._person, SensorKey(self._sensor.site, self._sensor.sensor_id)
        )
