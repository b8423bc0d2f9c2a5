"""All sensors as tiles, grouped by site: searched, a page at a time, each tile redrawn when it changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from markupsafe import Markup
from nicegui import ui

from ingestor.documents import utc_now
from monitor.formatting import format_ago, format_number, format_power
from monitor.live.live_sensor import RECENT_READINGS, LiveSensor
from monitor.live.snapshot import LiveSnapshot
from monitor.web.html import render
from monitor.web.widgets.text import Text

PAGE_TILES = 60
SPARK_WIDTH, SPARK_HEIGHT = 100.0, 24.0
WAITING = "Loading sensors …"
NOT_FOUND = "No sensor matches. Clear the search to see all."
EMPTY = (
    "No readings yet. Start a sensor: scripts/sensor-node --sensor-id Sensor-LARI-01, "
    "or docker compose up sensor-node. It appears here automatically."
)


class SensorGrid:
    """The tiles in one browser."""

    def __init__(self, live: LiveSnapshot) -> None:
        self._live = live
        self._shown: list[tuple[str, str]] = []
        self._tiles: dict[str, ui.html] = {}
        self._worst: Mapping[str, str] = {}
        with ui.element("div").classes("controls"):
            self._search = ui.input("Search by sensor, site or location", on_change=self._restart_search)
            self._search.props("clearable outlined dense debounce=200").classes("search")
            self._only_wrong = ui.checkbox("Needs attention only", on_change=self._restart_search)
            self._count = Text("", "span", "counted").props('role="status"')
        self._grid = ui.element("div")
        self._note = Text(WAITING, "p", "empty")
        self._pages = ui.pagination(1, 1, direction_links=True, on_change=self._draw)
        self._pages.props('aria-label="Pages of sensors"')

    def show(self, worst: Mapping[str, str]) -> None:
        """Show the present state, with the severity of the worst active alarm of each sensor that has one."""
        self._worst = worst
        self._draw()

    async def load_history(self) -> None:
        """Load the last readings of the sensors shown."""
        names = [name for _, name in self._shown]
        await self._live.sensor_cache.load_history(names, fewer_than=RECENT_READINGS)

    def _restart_search(self) -> None:
        self._pages.value = 1
        self._draw()

    def _draw(self) -> None:
        found, total = self._found(), len(self._live.sensor_cache.sensors)
        pages = max(1, -(-len(found) // PAGE_TILES))
        self._pages.max, self._pages.visible = pages, pages > 1
        first = (min(int(self._pages.value or 1), pages) - 1) * PAGE_TILES
        shown = found[first : first + PAGE_TILES]
        self._count.show(f"{total:,}" if len(found) == total else f"{len(found):,} of {total:,}")
        reason = NOT_FOUND if total else WAITING if self._live.fresh_at is None else EMPTY
        self._note.show(None if shown else reason)
        self._lay_out(shown)
        now = utc_now()
        for sensor in shown:
            tile, severity = self._tiles[sensor.sensor_id], self._worst.get(sensor.sensor_id)
            tile.content = tile_html(sensor, severity, now)
            tile.classes(replace=f"tile {tile_class(sensor, severity, now)}")

    def _found(self) -> list[LiveSensor]:
        words, now = (self._search.value or "").lower().split(), utc_now()

        def matches(sensor: LiveSensor) -> bool:
            text = f"{sensor.sensor_id} {sensor.site} {sensor.location}".lower()
            if not all(word in text for word in words):
                return False
            is_wrong = sensor.sensor_id in self._worst or sensor.state(now) != "online"
            return is_wrong or not self._only_wrong.value

        found = filter(matches, self._live.sensor_cache.sensors.values())
        return sorted(found, key=lambda each: (each.site, each.sensor_id))

    def _lay_out(self, shown: Sequence[LiveSensor]) -> None:
        names = [(each.site, each.sensor_id) for each in shown]
        if names == self._shown:
            return
        self._shown = names
        self._tiles.clear()
        self._grid.clear()
        with self._grid:
            for site, sensors in groupby(names, itemgetter(0)):
                Text(site or "Site unknown", "h3", "site")
                with ui.element("div").classes("tiles"):
                    for _, sensor_id in sensors:
                        # A link keeps its focus, and a click that has begun, when its content is redrawn.
                        # An id consists of letters, digits, dots, dashes and underscores.
                        link = ui.html("", tag="a", sanitize=False).props(f'href="/sensor/{sensor_id}"')
                        self._tiles[sensor_id] = link


def tile_class(sensor: LiveSensor, severity: str | None, now: datetime) -> str:
    """The CSS class of a tile: the severity of the sensor's worst active alarm, else its state."""
    state = sensor.state(now)
    return severity or ("anomaly" if sensor.is_anomaly and state == "online" else state)


def tile_html(sensor: LiveSensor, severity: str | None, now: datetime) -> str:
    """The content of a tile, with the severity of the sensor's worst active alarm."""
    return render(
        "tile.html",
        sensor=sensor,
        severity=severity,
        state=sensor.state(now),
        value="—" if sensor.value_kwh is None else format_number(sensor.value_kwh),
        sparkline=sparkline_svg(sensor.recent_kwh, sensor.threshold_kwh),
        power=format_power(sensor.power_kw(now)),
        last_seen=format_ago(sensor.last_seen_at, now),
    )


def sparkline_svg(values_kwh: Sequence[float], threshold_kwh: float | None) -> Markup:
    """A spark line from zero up, oldest reading first; dots mark values above the threshold."""
    top = max(*values_kwh, 1e-9) if len(values_kwh) > 1 else 0.0
    if not top:
        return render("sparkline.html")
    step = SPARK_WIDTH / (len(values_kwh) - 1)
    points = [
        (round(number * step, 1), round(SPARK_HEIGHT - 2 - value / top * (SPARK_HEIGHT - 4), 1))
        for number, value in enumerate(values_kwh)
    ]
    limit_kwh = float("inf") if threshold_kwh is None else threshold_kwh
    dots = [point for point, value in zip(points, values_kwh, strict=True) if value > limit_kwh]
    return render("sparkline.html", line=" ".join(f"{x},{y}" for x, y in points), dots=dots)
