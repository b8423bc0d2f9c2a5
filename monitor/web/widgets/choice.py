"""Choices: of a value from a list, and of a period."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from nicegui import ui

from broker.program.escape import escape_text
from ingestor.documents import utc_now
from monitor.queries.database import TimeRange
from monitor.web.dependencies import Dependencies

CUSTOM = "custom"


def add_choice(
    label: str, options: Mapping[Any, str] | Iterable[str], chosen: object, on_change: Callable[[], object]
) -> ui.select:
    """Add a choice of values, or of values with their names."""
    names = options if isinstance(options, Mapping) else {each: each for each in options}
    shown = {value: escape_text(name) for value, name in names.items()}
    choice = ui.select(shown, value=chosen, label=label, on_change=on_change)
    return choice.props("outlined dense").classes("choice")


def add_filter(label: str, values: Iterable[str], on_change: Callable[[], object]) -> ui.select:
    """Add a choice of one value or all; all is an empty value."""
    return add_choice(label, {"": "All", **{each: each for each in values}}, "", on_change)


def add_site_filter(deps: Dependencies, on_change: Callable[[], object]) -> ui.select:
    """Add a choice of one site or all."""
    sites = sorted({each.site for each in deps.live.sensor_cache.sensors.values() if each.site})
    return add_filter("Site", sites, on_change)


class TimeRangePicker:
    """The choice in one browser: usual periods by name, in hours, or times in a time zone."""

    def __init__(
        self, zone: tzinfo, offered: dict[str, float], chosen: str, changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._zone = zone
        self._offered = offered
        self._changed = changed
        options = [*offered, CUSTOM]
        first = chosen if chosen in offered else options[0]
        self._toggle = ui.toggle(options, value=first, on_change=self._choose)
        self._toggle.props('no-caps unelevated dense aria-label="Period"').classes("spans")
        with ui.row().classes("own-span") as self._own:
            self._from = ui.input("From").props('type="datetime-local" outlined dense stack-label')
            self._to = ui.input("To").props('type="datetime-local" outlined dense stack-label')
            ui.button("Show", on_click=changed).props("dense outline")
        self._own.visible = False

    @property
    def is_running(self) -> bool:
        """Whether the period ends now."""
        return bool(self._toggle.value != CUSTOM)

    def time_range(self) -> TimeRange | None:
        """The chosen period; None if the end is not after the start."""
        now = utc_now()
        if self.is_running:
            hours = self._offered[self._toggle.value]
            # Clocks of sensors may be a little ahead.
            return TimeRange(now - timedelta(hours=hours), now + timedelta(minutes=5))
        try:
            first, end = (self._parse(each.value) for each in (self._from, self._to))
        except (ValueError, TypeError, OverflowError):
            return None
        return TimeRange(first, end) if first < end else None

    def _parse(self, text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=self._zone).astimezone(UTC).replace(tzinfo=None)

    async def _choose(self) -> None:
        self._own.visible = not self.is_running
        if self.is_running:
            await self._changed()
            return
        now = datetime.now(self._zone)
        self._to.value = now.strftime("%Y-%m-%dT%H:%M")
        self._from.value = (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
