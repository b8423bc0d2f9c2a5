"""A choice from a list."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nicegui import ui

from broker.escape import escape_text
from monitor.web.dependencies import Dependencies


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
