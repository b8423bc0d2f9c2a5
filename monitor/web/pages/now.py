"""The page *Now*: is anything wrong, how much is used, and how is each sensor."""

from collections import Counter
from collections.abc import Sequence

from fastapi import Request
from nicegui import ui

from ingestor.documents import AlarmDocument, utc_now
from monitor.fleet_sensor import FleetSensor
from monitor.web.access import Person
from monitor.web.alarm_list import list_alarms, look_of
from monitor.web.frame import frame, write
from monitor.web.sources import Sources
from monitor.web.tile import to_tile
from monitor.web.words import energy, power, safe

NOT_FOUND = "No sensor is like that; clear the search to see all."
PAGE_TILES = 60
ALARMS_SHOWN = 4
EMPTY = (
    "No sensor has sent anything yet. Start one: scripts/sensor-node --sensor-id Sensor-LARI-01, "
    "or docker compose up sensor-node. It appears here by itself."
)


def add_now(sources: Sources) -> None:
    """Make the page."""

    @ui.page("/")
    def now(request: Request) -> None:
        with frame(sources, request, "Now") as person:
            Now(sources, person)


class Now:
    """The page for one browser, drawn anew once a second, as far as something has changed.

    Args:
        sources: What is shown.
        person: Who looks.
    """

    def __init__(self, sources: Sources, person: Person) -> None:
        self._sources = sources
        self._person = person
        self._alarms_drawn = -1
        self._shown: list[str] = []
        self._tiles: dict[str, ui.html] = {}
        self._groups: dict[str, ui.html] = {}
        self._figures = ui.element("div").classes("figures")
        with self._figures:
            self._power, self._today, self._standing, self._heard = (
                ui.html("", sanitize=False).classes("figure") for _ in range(4)
            )
        self._alarms = ui.element("section").props('aria-label="Standing alarms"')
        write("Sensors", "h2")
        with ui.element("div").classes("controls"):
            self._search = (
                ui.input("Search: sensor, site, location", on_change=self._search_anew)
                .props("clearable outlined dense debounce=200")
                .classes("search")
            )
            self._only_wrong = ui.checkbox("Only what needs attention", on_change=self._search_anew)
            self._counted = write("", "span", "counted").props('role="status"')
        self._grid = ui.element("div")
        self._pages = ui.pagination(1, 1, direction_links=True, on_change=self.update)
        self._pages.props('aria-label="Pages of sensors"')
        self.update()
        ui.timer(1.0, self._go_on)

    async def _go_on(self) -> None:
        await self._sources.live.fleet.fill(self._shown)
        self.update()

    def _search_anew(self) -> None:
        self._pages.value = 1
        self.update()

    def update(self) -> None:
        """Show what is so now."""
        live = self._sources.live
        self._show_figures()
        if self._alarms_drawn != live.version:
            self._alarms_drawn = live.version
            self._show_alarms(live.standing)
        worst = _worst(live.standing)
        found = self._found(worst)
        self._pages.max = max(1, -(-len(found) // PAGE_TILES))
        self._pages.visible = self._pages.max > 1
        first = (min(int(self._pages.value or 1), self._pages.max) - 1) * PAGE_TILES
        shown = found[first : first + PAGE_TILES]
        total = len(live.fleet.sensors)
        self._counted.content = f"{len(found):,} of {total:,}" if len(found) != total else f"{total:,}"
        if [each.sensor_id for each in shown] != self._shown or not self._grid.default_slot.children:
            self._lay_out(shown)
        now = utc_now()
        for sensor in shown:
            self._tiles[sensor.sensor_id].content = to_tile(sensor, worst.get(sensor.sensor_id), now)

    def _found(self, worst: dict[str, str]) -> list[FleetSensor]:
        words = (self._search.value or "").lower().split()
        now = utc_now()
        sensors = [
            sensor
            for sensor in self._sources.live.fleet.sensors.values()
            if all(word in f"{sensor.sensor_id} {sensor.site} {sensor.location}".lower() for word in words)
            and (
                not self._only_wrong.value
                or sensor.sensor_id in worst
                or sensor.status == "offline"
                or sensor.is_silent(now)
            )
        ]
        return sorted(sensors, key=lambda each: (each.site, each.sensor_id))

    def _lay_out(self, shown: Sequence[FleetSensor]) -> None:
        self._shown = [each.sensor_id for each in shown]
        self._tiles.clear()
        self._grid.clear()
        with self._grid:
            if not shown:
                is_empty = not self._sources.live.fleet.sensors
                write(
                    EMPTY if is_empty else "No sensor is like that; clear the search to see all.",
                    "p",
                    "empty",
                )
            for site in dict.fromkeys(each.site for each in shown):
                write(site or "not known yet where", "h3", "site")
                with ui.element("div").classes("tiles"):
                    for sensor in shown:
                        if sensor.site == site:
                            self._tiles[sensor.sensor_id] = ui.html("", sanitize=False)

    def _show_figures(self) -> None:
        live = self._sources.live
        sums = live.fleet.sums(utc_now())
        today = live.today.energy_kwh if live.today else 0.0
        counts = Counter(look_of(alarm["severity"]) for alarm in live.standing)
        unseen = sum(alarm["acknowledged_at"] is None for alarm in live.standing)
        parts = ", ".join(f"{count} {severity}" for severity, count in counts.items()) or "all is well"
        look = next(iter(counts), "well")
        self._standing.content = _figure(
            "Standing alarms", f"{len(live.standing):,}", f"{parts}; {unseen} not seen" if counts else parts
        )
        self._standing.classes(replace=f"figure {look}")
        self._power.content = _figure("Power now", power(sums.power_kw), f"from {sums.online:,} sensors")
        self._today.content = _figure(
            "Energy today", energy(today), f"since midnight, {self._sources.zone.key}"
        )
        away = sums.silent + sums.offline
        self._heard.content = _figure(
            "Sensors online",
            f"{sums.online:,} of {sums.sensors:,}",
            f"{sums.silent:,} silent, {sums.offline:,} offline" if away else "none is missing",
        )
        self._heard.classes(replace="figure away" if away else "figure")

    def _show_alarms(self, standing: Sequence[AlarmDocument]) -> None:
        self._alarms.clear()
        with self._alarms:
            if standing:
                list_alarms(self._sources, self._person, standing[:ALARMS_SHOWN])
            if len(standing) > ALARMS_SHOWN:
                ui.link(f"All {len(standing):,} standing alarms", "/alarms").classes("more")


def _figure(name: str, value: str, detail: str) -> str:
    return (
        f'<span class="figure-name">{safe(name)}</span><span class="figure-value">{safe(value)}</span>'
        f'<span class="figure-detail">{safe(detail)}</span>'
    )


def _worst(standing: Sequence[AlarmDocument]) -> dict[str, str]:
    """The worst severity of each sensor that has an alarm; they come the worst first."""
    worst: dict[str, str] = {}
    for alarm in standing:
        worst.setdefault(alarm["sensor_id"], look_of(alarm["severity"]))
    return worst
