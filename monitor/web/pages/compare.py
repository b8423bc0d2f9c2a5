"""The page *Compare*: energy by time, site and sensor, the typical week, and the peaks."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast, get_args

from nicegui import ui

from ingestor.documents import utc_now
from monitor.formatting import format_clock, format_energy, format_number
from monitor.queries.database import QueryError, TimeRange
from monitor.queries.energy import ALL, EnergyFilter, EnergyTotal, GroupBy, Grouping, Peak, Unit
from monitor.queries.time_buckets import bucket_starts
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.html import render
from monitor.web.widgets.charts import Options, heat_chart, totals_chart
from monitor.web.widgets.choice import add_choice, add_site_filter
from monitor.web.widgets.text import Text

# By hours.
PERIODS = {
    24: "last 24 hours",
    168: "last 7 days",
    720: "last 30 days",
    2016: "last 12 weeks",
    8784: "last year",
}
# More bars cannot be told apart.
MAX_BARS = 800
SHOWN = 9
# Clocks of sensors may be a little ahead.
CLOCK_TOLERANCE = timedelta(hours=1)
PEAKS = 10
# What is typical changes with the season.
TYPICAL_H = 2016
TIME_FORMATS = {"hour": "%Y-%m-%d %H:%M", "day": "%a %d %b", "week": "week of %d %b"}


class ComparePage:
    """The page in one browser."""

    def __init__(self, deps: Dependencies, _: Session) -> None:
        self._deps = deps
        self._load_count = 0
        with ui.element("div").classes("controls"):
            self._hours = add_choice("Period", PERIODS, 168, self.load)
            self._unit = add_choice("Energy per", get_args(Unit), "day", self.load)
            self._by = add_choice("Group by", get_args(GroupBy), "site", self.load)
            self._site = add_site_filter(deps, self.load)
        self._note = Text("Loading …", "p", "empty").props('role="status"')
        self._found = ui.element("div")
        with self._found:
            self._lead = Text("", "p", "lead")
            self._totals = _add_chart("Energy over time")
            with ui.element("div").classes("columns"):
                with ui.element("section"):
                    self._typical = Text("Typical week", "h2")
                    self._heat = _add_chart("Mean energy of each hour of the week")
                with ui.element("section"):
                    Text("Top consumers", "h2")
                    self._ranks = ui.html("", sanitize=False).classes("card scroll")
                    Text("Highest readings", "h2")
                    self._peaks = ui.html("", sanitize=False).classes("card scroll")
        self._found.visible = False
        ui.timer(0.0, self.load, once=True)

    async def load(self) -> None:
        """Load and show what is chosen."""
        now, hours = utc_now(), int(self._hours.value)
        typical_h = min(hours, TYPICAL_H)
        period, typical = (
            TimeRange(now - timedelta(hours=each), now + CLOCK_TOLERANCE) for each in (hours, typical_h)
        )
        scope = EnergyFilter((self._site.value,)) if self._site.value else ALL
        unit, by = cast("Unit", self._unit.value), cast("GroupBy", self._by.value)
        zone, energy = self._deps.zone.key, self._deps.energy
        turn = self._load_count = self._load_count + 1
        self._found.classes(add="adding-up")
        try:
            totals = await energy.totals(period, Grouping(unit, by, zone), scope=scope)
            peaks = await energy.peaks(period, PEAKS, scope=scope)
            if turn != self._load_count:
                return  # something else was chosen meanwhile
            if not totals:
                self._show_note("No consumption recorded in this period. Try a longer one.")
                return
            self._note.show(None)
            self._found.visible = True
            self._show_totals(totals, TimeRange(period.first, now), unit)
            self._show_peaks(peaks)
            cells = await energy.heat(typical, zone=zone, scope=scope)
        except QueryError as error:
            if turn == self._load_count:
                self._show_note(f"{error}. Try again later.")
            return
        if turn == self._load_count:
            self._typical.show(f"Typical week, {PERIODS[typical_h]}")
            _draw(self._heat, heat_chart(cells))
            self._found.classes(remove="adding-up")

    def _show_note(self, sentence: str) -> None:
        self._note.show(sentence)
        self._found.visible = False
        self._found.classes(remove="adding-up")

    def _show_totals(self, totals: Sequence[EnergyTotal], period: TimeRange, unit: Unit) -> None:
        sums, bars = defaultdict[str, float](float), defaultdict[tuple[str, datetime], float](float)
        for total in totals:
            sums[total.who or "all"] += total.energy_kwh
        ranks = sorted(sums, key=lambda who: -sums[who])
        named = ranks[:SHOWN]
        for total in totals:
            who = total.who or "all"
            bars[who if who in named else "others", total.start] += total.energy_kwh
        starts = list(bucket_starts(period, unit, self._deps.zone))[-MAX_BARS:]
        shown = named if named == ranks else [*named, "others"]
        parts = {who: [bars[who, start] for start in starts] for who in shown}
        labels = [format_clock(start, self._deps.zone, form=TIME_FORMATS[unit]) for start in starts]
        _draw(self._totals, totals_chart(labels, parts))
        whole = sum(sums.values())
        period_name = PERIODS[int(self._hours.value)]
        self._lead.show(f"{format_energy(whole)} in the {period_name}, {self._deps.zone.key}")
        rows = [
            (who, format_energy(sums[who]), f"{sums[who] / whole:.0%}" if whole else "")
            for who in ranks[:PEAKS]
        ]
        heads = (str(self._by.value).capitalize(), "Energy", "Share")
        self._ranks.content = render("table.html", heads=heads, rows=rows)

    def _show_peaks(self, peaks: Sequence[Peak]) -> None:
        rows = [
            (
                each.sensor_id,
                f"{format_number(each.max_kwh)} kWh",
                format_clock(each.start, self._deps.zone, form=TIME_FORMATS["hour"]),
            )
            for each in peaks
        ]
        heads = ("Sensor", "Reading", "Hour starting")
        self._peaks.content = render("table.html", heads=heads, rows=rows)


def _add_chart(label: str) -> ui.echart:
    with ui.element("div").classes("card"):
        return ui.echart({}).classes("chart").props(f'role="img" aria-label="{label}"')


def _draw(chart: ui.echart, options: Options) -> None:
    chart.options.clear()
    chart.options.update(options)
