"""The live view of a terminal: a picture of all sensors and alarms, as wide and as high as there is room."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, tzinfo

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live as Picture
from rich.table import Table
from rich.text import Text

from broker.program.escape import escape_text
from ingestor.documents import AlarmDocument, utc_now
from monitor.cli.alarms import SEVERITY_RANKS, DisplayOptions
from monitor.formatting import format_age, format_count, format_number, machine_zone
from monitor.live.live_sensor import LiveSensor
from monitor.live.snapshot import LiveSnapshot
from monitor.queries.database import QueryDatabase

STYLES = {"critical": "bold red", "major": "red", "minor": "yellow", "warning": "cyan"}
BLOCKS = "▁▂▃▄▅▆▇█"
SPARK_READINGS = 20
HEAD_LINES = 5
DRAW_EVERY_S = 1.0
EMPTY = (
    "No readings yet. Start a sensor in another terminal:\n"
    '  scripts/sensor-node --sensor-id Sensor-LARI-01 --location "Room 1"'
)


class WatchScreen:
    """What is so now, drawn whenever Rich asks for it; times are of the machine's own zone if it is None."""

    def __init__(self, live: LiveSnapshot, now: datetime, zone: tzinfo | None = None) -> None:
        self._live = live
        self._now = now
        self._display = DisplayOptions(0, colours=False, now=now, zone=zone)
        self._worst: dict[str, str] = {}
        for alarm in live.active_alarms:
            self._worst.setdefault(alarm["sensor_id"], alarm["severity"])

    def shown(self, height: int) -> list[LiveSensor]:
        """The sensors for which there is room, those first that need somebody."""
        room = height - HEAD_LINES - self._alarm_lines(height)
        return sorted(self._live.sensor_cache.sensors.values(), key=self._urgency)[: max(1, room)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it into the room that there is."""
        height = options.height or console.height
        shown = self.shown(height)
        parts: list[RenderableType] = [self._head(), self._trouble()]
        parts += [self._alarm(alarm) for alarm in self._live.active_alarms[: self._alarm_lines(height) - 1]]
        if self._live.active_alarms:
            parts.append(Text(""))
        parts.append(self._table(shown) if shown else Text(EMPTY))
        if hidden := len(self._live.sensor_cache.sensors) - len(shown):
            parts.append(Text(f"… {hidden:,} more", style="dim"))
        yield Group(*parts)

    def _alarm_lines(self, height: int) -> int:
        """Of how many lines the alarms may take, with the empty one below them."""
        return min(len(self._live.active_alarms) + 1, height // 3) if self._live.active_alarms else 0

    def _urgency(self, sensor: LiveSensor) -> tuple[int, bool, bool, str]:
        rank = SEVERITY_RANKS.get(self._worst.get(sensor.sensor_id, ""), len(SEVERITY_RANKS))
        return rank, not sensor.is_anomaly, sensor.state(self._now) == "online", sensor.sensor_id

    def _head(self) -> Text:
        sums = self._live.sensor_cache.totals(self._now)
        today_kwh = self._live.today.energy_kwh if self._live.today else 0.0
        away = f", {sums.stale:,} stale" * bool(sums.stale)
        away += f", {sums.offline:,} offline" * bool(sums.offline)
        count = len(self._live.active_alarms)
        return _one_line(
            (f"{sums.power_kw:,.0f} kW  {today_kwh:,.0f} kWh today  ", "bold"),
            f"{sums.online:,} of {sums.sensors:,} sensors{away}  ",
            (format_count(count, "alarm"), "bold red") if count else ("no alarm", "green"),
        )

    def _trouble(self) -> Text:
        if self._live.error is None:
            return Text("")
        seen = self._live.fresh_at
        old = f"; shown as of {self._display.clock(seen, '%H:%M:%S')}" if seen else ""
        return Text(f"{escape_text(self._live.error)}{old}; retrying.", style="bold red")

    def _alarm(self, alarm: AlarmDocument) -> Text:
        severity, since = alarm["severity"], self._display.clock(alarm["since"], "%H:%M:%S")
        what = escape_text(f"{alarm['sensor_id']} {alarm['rule']}: {alarm['message']}")
        return _one_line((f"{escape_text(severity):<8}", STYLES.get(severity, "red")), f" {since} {what}")

    def _table(self, shown: Sequence[LiveSensor]) -> Table:
        table = Table(box=None, padding=(0, 1, 0, 0), expand=True, header_style="dim", pad_edge=False)
        table.add_column("sensor", no_wrap=True, max_width=40)
        table.add_column("place", no_wrap=True, ratio=1)
        table.add_column("kWh", no_wrap=True, justify="right", min_width=7)
        table.add_column("", no_wrap=True, min_width=SPARK_READINGS)
        table.add_column("age", no_wrap=True, justify="right", min_width=6)
        table.add_column("state", no_wrap=True, min_width=7)
        for sensor in shown:
            self._add_row(table, sensor)
        return table

    def _add_row(self, table: Table, sensor: LiveSensor) -> None:
        severity, state = self._worst.get(sensor.sensor_id), sensor.state(self._now)
        style = STYLES.get(severity, "red") if severity else "red" if sensor.is_anomaly else ""
        seen_at = sensor.last_seen_at
        place = ", ".join(escape_text(part) for part in (sensor.site, sensor.location) if part)
        table.add_row(
            Text(escape_text(sensor.sensor_id), style=style),
            Text(place),
            Text("—" if sensor.value_kwh is None else format_number(sensor.value_kwh), style=style),
            Text(sparkline(sensor.recent_kwh[-SPARK_READINGS:]), style=style or "blue"),
            Text("never" if seen_at is None else format_age((self._now - seen_at).total_seconds())),
            Text(escape_text(severity or state), style=style or ("yellow" if state != "online" else "green")),
        )


def _one_line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


async def show(database: QueryDatabase, stop: asyncio.Event) -> None:
    """Redraw the terminal once a second until told to stop."""
    live, console = LiveSnapshot(database, machine_zone()), Console()
    following = asyncio.create_task(live.follow(), name="monitor.follow")
    try:
        with Picture(console=console, screen=True, auto_refresh=False) as picture:
            while not (stop.is_set() or following.done()):
                screen = WatchScreen(live, utc_now())
                names = [each.sensor_id for each in screen.shown(console.height)]
                await live.sensor_cache.load_history(names, fewer_than=SPARK_READINGS)
                picture.update(screen, refresh=True)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), DRAW_EVERY_S)
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


def sparkline(values_kwh: Sequence[float]) -> str:
    """Draw values as blocks, from zero up."""
    top = max(values_kwh, default=0.0)
    if top == 0:
        return BLOCKS[0] * len(values_kwh)
    steps = len(BLOCKS) - 1
    return "".join(BLOCKS[round(value / top * steps)] for value in values_kwh)
