"""The page *Compare*: energy by time, site and sensor, the typical week, and the peaks."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import cast, get_args
from zoneinfo import ZoneInfo

from nicegui import ui

from ingestor.documents import utc_now
from monitor.formatting import format_clock, format_energy, format_number
from monitor.queries.database import QueryError, TimeRange
from monitor.queries.energy import ALL, EnergyFilter, EnergyTotal, GroupBy, Peak, Unit
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
        period = TimeRange(now - timedelta(hours=hours), now + CLOCK_TOLERANCE)
        typical_h = min(hours, TYPICAL_H)
        typical = TimeRange(now - timedelta(hours=typical_h), now + CLOCK_TOLERANCE)
        scope = EnergyFilter((self._site.value,)) if self._site.value else ALL
        unit, by = cast("Unit", self._unit.value), cast("GroupBy", self._by.value)
        zone, energy = self._deps.zone.key, self._deps.energy
        turn = self._load_count = self._load_count + 1
        self._found.classes(add="adding-up")
        try:
            totals = await energy.totals(period, unit, by, zone=zone, scope=scope)
            peaks = await energy.peaks(period, PEAKS, scope=scope)
            if turn != self._load_count:
                return  # something else was chosen meanwhile
            if not totals:
                self._show_note("No consumption recorded in this period. Try a longer one.")
                return
            self._note.show(None)
            self._found.visible = True
            self._show_totals(totals, period, unit)
            self._peaks.content = _peak_table(peaks, self._deps)
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
        sums: dict[str, float] = defaultdict(float)
        for total in totals:
            sums[total.who or "all"] += total.energy_kwh
        ranks = sorted(sums, key=lambda who: -sums[who])
        named, rest = ranks[:SHOWN], ranks[SHOWN:]
        starts = list(_starts(period, unit, self._deps.zone))[-MAX_BARS:]
        positions = {start: position for position, start in enumerate(starts)}
        parts = {who: [0.0] * len(starts) for who in [*named, *(["others"] if rest else [])]}
        for total in totals:
            if total.start in positions:
                who = total.who or "all"
                parts[who if who in named else "others"][positions[total.start]] += total.energy_kwh
        labels = [format_clock(start, self._deps.zone, form=TIME_FORMATS[unit]) for start in starts]
        _draw(self._totals, totals_chart(labels, parts))
        whole = sum(sums.values())
        shown = f"{format_energy(whole)} in the {PERIODS[int(self._hours.value)]}"
        self._lead.show(f"{shown}, {self._deps.zone.key}")
        shares = {who: f"{sums[who] / whole:.0%}" if whole else "" for who in ranks[:PEAKS]}
        rows = [(who, format_energy(sums[who]), share) for who, share in shares.items()]
        heads = (str(self._by.value).capitalize(), "Energy", "Share")
        self._ranks.content = render("table.html", heads=heads, rows=rows)


def _add_chart(label: str) -> ui.echart:
    with ui.element("div").classes("card"):
        return ui.echart({}).classes("chart").props(f'role="img" aria-label="{label}"')


def _draw(chart: ui.echart, options: Options) -> None:
    chart.options.clear()
    chart.options.update(options)


def _starts(period: TimeRange, unit: Unit, zone: ZoneInfo) -> Iterator[datetime]:
    """When each hour, day or week of a period begins, UTC, naive; as the database cuts them."""
    return bucket_starts(TimeRange(period.first, period.end - CLOCK_TOLERANCE), unit, zone)


def _peak_table(peaks: Sequence[Peak], deps: Dependencies) -> str:
    starts = [format_clock(each.start, deps.zone, form="%Y-%m-%d %H:%M") for each in peaks]
    values = [f"{format_number(each.max_kwh)} kWh" for each in peaks]
    rows = list(zip((each.sensor_id for each in peaks), values, starts, strict=True))
    return render("table.html", heads=("Sensor", "Reading", "Hour starting"), rows=rows)
