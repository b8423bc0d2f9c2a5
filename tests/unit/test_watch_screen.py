"""The live view of a terminal."""

import io
from datetime import UTC, timedelta
from typing import cast
from unittest.mock import MagicMock

import pytest
from rich.console import Console

from ingestor.documents import AlarmDocument
from monitor.cli.watch_screen import WatchScreen, sparkline
from monitor.formatting import machine_zone
from monitor.live.snapshot import LiveSnapshot
from tests.fault_points.monitor import fail_last_look
from tests.unit.test_cli_alarms import alarm
from tests.unit.test_watch import columns
from tests.unit.test_web import NOW, sensor


def live(*names: str, standing: list[AlarmDocument] | None = None, location: str = "Room 1") -> LiveSnapshot:
    """Sensors with three readings each, of which the last is of now."""
    # It is never asked.
    made = LiveSnapshot(MagicMock(), machine_zone())
    for name in names:
        one = sensor(1.0, 2.0, 1.5, location=location)
        one.sensor_id = name
        made.sensor_cache.sensors[name] = one
    made.active_alarms = standing or []
    return made


def lines(view: LiveSnapshot, width: int = 80, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(WatchScreen(view, NOW, UTC))
    return cast("io.StringIO", console.file).getvalue().splitlines()


def names(shown: list[str]) -> list[str]:
    return [line.split()[0] for line in shown if line.startswith("Meter")]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("height", [12, 24, 60])
@pytest.mark.parametrize("alarms", [0, 1, 50])
def test_it_fits_into_the_terminal(width: int, height: int, alarms: int) -> None:
    standing = [alarm("major", f"Meter-{number:03}") for number in range(alarms)]
    view = live(*(f"Meter-{number:03}" for number in range(100)), standing=standing, location="Hall 界" * 20)
    shown = lines(view, width, height)
    assert max(map(columns, shown)) <= width
    assert len(shown) <= height
    assert len(names(shown)) >= 1
    assert shown[-1].startswith("… ")


def test_what_is_wrong_comes_first() -> None:
    view = live("Meter-1", "Meter-2", "Meter-3", "Meter-4", standing=[alarm("critical", "Meter-3")])
    view.sensor_cache.sensors["Meter-4"].status = "offline"
    shown = lines(view)
    assert names(shown) == ["Meter-3", "Meter-4", "Meter-1", "Meter-2"]
    assert "1 alarm" in shown[0]
    assert shown[2].startswith("critical 2026-11-23 10:00") or shown[2].startswith("critical 10:00:00")


def test_hostile_places_and_messages_are_plain_text() -> None:
    view = live("Meter-1", standing=[alarm(message="[red]\x1b[31mboo\u202e")], location="[bold]\x1b]0;x\x07")
    text = "\n".join(lines(view, 200))
    assert r"[bold]\u001b]0;x\u0007" in text
    assert r"[red]\u001b[31mboo\u202e" in text
    assert "\x1b" not in text
    text = "\n".join(lines(live("Meter\x1b[2J\u202e"), 200))
    assert r"Meter\u001b[2J\u202e" in text
    assert "\x1b" not in text


def test_database_that_is_gone_is_told_with_the_time_of_what_is_shown() -> None:
    view = live("Meter-1")
    fail_last_look(view, "MongoDB does not answer")
    view.sensor_cache.fresh_at = NOW - timedelta(seconds=20)
    shown = lines(view, 120)
    assert shown[1] == "MongoDB does not answer; shown as of 09:59:40; retrying."


def test_empty_database_says_what_to_do() -> None:
    assert "Start a sensor in another terminal" in "\n".join(lines(live()))


def test_spark_goes_from_zero_to_the_highest() -> None:
    assert sparkline([0.0, 5.0, 10.0]) == "▁▅█"
    assert sparkline([0.0, 0.0]) == "▁▁"
    assert sparkline([]) == ""


def test_thousand_sensors_are_sorted_and_only_those_drawn_that_fit() -> None:
    view = live(*(f"Meter-{number:04}" for number in range(1000)))
    assert len(WatchScreen(view, NOW).shown(24)) == 19
