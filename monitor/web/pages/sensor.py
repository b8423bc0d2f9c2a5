"""The page of one sensor: what it measured, its alarms, and what was refused of it."""

import asyncio
import contextlib

from fastapi import Request
from nicegui import ui

from broker.topics import Place, Topics
from ingestor.documents import utc_now
from monitor.ages import ago
from monitor.fleet_sensor import FleetSensor
from monitor.queries.database import QueryError, Span
from monitor.queries.episodes import Sought
from monitor.queries.shapes import ALARMS
from monitor.web.access import Person
from monitor.web.alarm_list import AlarmList
from monitor.web.charts import history_chart
from monitor.web.figure import to_facts
from monitor.web.frame import frame, write
from monitor.web.history import History, look_up
from monitor.web.rejected_list import RejectedList
from monitor.web.sensor_edit import ask_to_edit
from monitor.web.sources import Sources
from monitor.web.span_choice import SpanChoice
from monitor.web.words import clock, energy, power, safe
from monitor.written import written

SPANS = {"1 h": 1.0, "24 h": 24.0, "7 d": 168.0, "30 d": 720.0, "1 y": 8784.0}
LOOK_EVERY_S = 5.0
FIRST_LOOK_S = 2.0
ALARMS_SHOWN = 10
REJECTED_SHOWN = 10
WAITING = "The database has not answered yet; load this page again when it does."
GRAINS = {"raw": "each reading", "hourly": "hour by hour", "daily": "day by day"}


def add_sensor(sources: Sources) -> None:
    """Make the page.

    Args:
        sources: What it shows.
    """

    @ui.page("/sensor/{sensor_id}")
    async def sensor(request: Request, sensor_id: str, span: str = "1 h") -> None:
        # A browser is back at once when this process was started again, before it knows any sensor.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_S):
                await sources.live.has_looked.wait()
        known = sources.live.fleet.sensors.get(sensor_id)
        with frame(sources, request, sensor_id if known else "Sensor") as person:
            if known is None:
                sentence = WAITING if sources.live.fresh_at is None else f"No sensor {sensor_id} is known."
                write(sentence, "p", "empty")
                return
            page = _Sensor(sources, person, known, span)
        ui.timer(1.0, page.update)
        ui.timer(0.0, page.look, once=True)
        ui.timer(LOOK_EVERY_S, page.look_again)


class _Sensor:
    """The page in one browser."""

    def __init__(self, sources: Sources, person: Person, sensor: FleetSensor, span: str) -> None:
        self._sources = sources
        self._person = person
        self._sensor = sensor
        self._lead = write("", "p", "lead")
        self._now = ui.html("", sanitize=False, tag="dl").classes("facts")
        if person.role == "operator":
            ui.button("Location and threshold", on_click=self._edit).props("dense outline")
        self._alarms = AlarmList(sources, person)
        write("Readings", "h2")
        self._span = SpanChoice(sources.zone, SPANS, span, self.look)
        with ui.element("div").classes("card"):
            self._note = write("Looking …", "p", "loading").props('role="status"')
            self._chart = ui.echart({}).classes("chart")
            self._chart.props(f'role="img" aria-label="Readings of {safe(sensor.sensor_id)}"')
            self._chart.visible = False
            self._facts = ui.html("", sanitize=False, tag="dl").classes("facts")
        write("Alarms", "h2")
        self._no_past = write("Looking …", "p", "empty")
        self._past = AlarmList(sources, person)
        write("Refused payloads", "h2")
        self._rejected = RejectedList(sources, person)
        self.update()

    def update(self) -> None:
        """Show what is so now."""
        sensor, now = self._sensor, utc_now()
        self._lead.content = safe(" · ".join(filter(None, (sensor.site, sensor.location))))
        value = "—" if sensor.value_kwh is None else f"{written(sensor.value_kwh)} kWh"
        heard = ago(sensor.heard_at, now)
        threshold = self._threshold_kwh(None)
        facts = {"State": sensor.state(now), "Last reading": value, "Heard": heard}
        facts |= {"Power": power(sensor.power_kw(now))}
        facts |= {"Threshold": "not known" if threshold is None else f"{threshold:g} kWh"}
        self._now.content = to_facts(facts)
        mine = [each for each in self._sources.live.standing if each["sensor_id"] == sensor.sensor_id]
        self._alarms.show(mine)

    async def look_again(self) -> None:
        """Look again, if what is shown goes on until now."""
        if self._span.is_running:
            await self.look()

    async def look(self) -> None:
        """Look up what is shown of the past."""
        span = self._span.span()
        if span is None:
            self._say("This is no time: write when it begins and, later than that, when it ends.")
            return
        try:
            self._show(await look_up(self._sources.readings, self._sensor.sensor_id, span), span)
            await self._show_past()
            await self._show_rejected()
        except QueryError as error:
            if not self._chart.visible:
                self._say(f"{error}. This page goes on by itself when it does.")

    def _say(self, sentence: str) -> None:
        self._note.content, self._note.visible, self._chart.visible = safe(sentence), True, False

    def _show(self, history: History, span: Span) -> None:
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
        times = [clock(each, self._sources.zone, form="%Y-%m-%d %H:%M") for each in span]
        shown = f"{GRAINS[history.grain]}, {times[0]} to {times[1] if not self._span.is_running else 'now'}"
        facts = {"Shown": shown, "Energy": energy(history.energy_kwh), "Readings": f"{history.readings:,}"}
        facts |= {
            "Mean reading": f"{written(mean_kwh)} kWh",
            "Highest": f"{written(history.max_kwh)} kWh",
        }
        self._facts.content = to_facts(facts | {"Anomalies": f"{history.anomaly_count:,}"})

    def _threshold_kwh(self, seen_kwh: float | None) -> float | None:
        """Its own threshold, or the one that its readings exceeded, or the ingestor's."""
        statuses = (heard.status.threshold_kwh for heard in self._sources.ingestors.heard.values())
        usual_kwh = next((each for each in statuses if each is not None), None)
        own_kwh = self._sensor.threshold_kwh
        return own_kwh if own_kwh is not None else usual_kwh if seen_kwh is None else seen_kwh

    async def _show_past(self) -> None:
        sought = Sought(sensor_id=self._sensor.sensor_id)
        page = await self._sources.episodes.page("past", sought, ALARMS_SHOWN)
        self._past.show(ALARMS.readable(page.documents))
        self._no_past.content, self._no_past.visible = "None has come and gone so far.", not page.documents

    async def _show_rejected(self) -> None:
        topic = Topics(self._sources.topic_root).readings(self._sensor.site, self._sensor.sensor_id)
        found = await self._sources.rejected.newest(REJECTED_SHOWN, topic=topic) if self._sensor.site else []
        self._rejected.show(found)

    async def _edit(self) -> None:
        await ask_to_edit(self._sources, self._person, Place(self._sensor.site, self._sensor.sensor_id))
