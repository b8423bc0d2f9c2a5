"""The page *Compare*: energy by time, site and sensor, the usual week, and the peaks."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import cast, get_args
from zoneinfo import ZoneInfo

from fastapi import Request
from nicegui import ui

from broker.escape import escape_text
from ingestor.documents import utc_now
from monitor.formatting import format_number
from monitor.queries.database import QueryError, TimeRange
from monitor.queries.energy import ALL, EnergyFilter, EnergyTotal, GroupBy, HeatCell, Peak, Unit
from monitor.queries.time_buckets import bucket_starts
from monitor.web.dependencies import Dependencies
from monitor.web.formatting import escape_html, format_clock, format_energy
from monitor.web.widgets.charts import heat_chart, totals_chart
from monitor.web.widgets.kpi import table_html
from monitor.web.widgets.layout import add_text, page_layout

SPANS = {24: "last 24 hours", 168: "last 7 days", 720: "last 30 days", 2016: "last 12 weeks"}
SPANS[8784] = "last year"
# What is left out of a chart: too many bars to tell them apart.
MAX_BARS = 800
SHOWN = 9
# Clocks of sensors may be a little ahead.
ROOM = timedelta(hours=1)
PEAKS = 10
# What is usual changes with the season.
USUAL_H = 2016
FORMS = {"hour": "%Y-%m-%d %H:%M", "day": "%a %d %b", "week": "week of %d %b"}


def add_compare(deps: Dependencies) -> None:
    """Make the page.

    Args:
        deps: What it shows.
    """

    @ui.page("/compare")
    async def compare(request: Request) -> None:
        with page_layout(deps, request, "Compare"):
            page = _Compare(deps)
        ui.timer(0.0, page.look, once=True)


class _Compare:
    """The page in one browser."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._turn = 0
        with ui.element("div").classes("controls"):
            self._hours = ui.select(SPANS, value=168, label="Time", on_change=self.look)
            self._unit = ui.select(list(get_args(Unit)), value="day", label="Energy per", on_change=self.look)
            self._by = ui.select(list(get_args(GroupBy)), value="site", label="By", on_change=self.look)
            sites = sorted({each.site for each in deps.live.sensor_cache.sensors.values() if each.site})
            all_sites = {"": "all", **{each: escape_text(each) for each in sites}}
            self._site = ui.select(all_sites, value="", label="Site", on_change=self.look)
            for choice in (self._hours, self._unit, self._by, self._site):
                choice.props("outlined dense").classes("choice")
        self._note = add_text("Adding up …", "p", "empty").props('role="status"')
        self._found = ui.element("div")
        with self._found:
            self._lead = add_text("", "p", "lead")
            with ui.element("div").classes("card"):
                label = 'role="img" aria-label="Energy over time"'
                self._totals = ui.echart({}).classes("chart").props(label)
            with ui.element("div").classes("columns"):
                with ui.element("section"):
                    self._usual = add_text("The usual week", "h2")
                    with ui.element("div").classes("card"):
                        label = 'role="img" aria-label="Mean energy of each hour of the week"'
                        self._heat = ui.echart({}).classes("chart").props(label)
                with ui.element("section"):
                    add_text("Most energy", "h2")
                    self._ranks = ui.html("", sanitize=False).classes("card scroll")
                    add_text("Highest readings", "h2")
                    self._peaks = ui.html("", sanitize=False).classes("card scroll")
        self._found.visible = False

    async def look(self) -> None:
        """Add up what is chosen."""
        now, hours = utc_now(), int(self._hours.value)
        span = TimeRange(now - timedelta(hours=hours), now + ROOM)
        usual = TimeRange(now - timedelta(hours=min(hours, USUAL_H)), now + ROOM)
        scope = EnergyFilter((self._site.value,)) if self._site.value else ALL
        unit, by, zone = (
            cast("Unit", self._unit.value),
            cast("GroupBy", self._by.value),
            self._deps.zone.key,
        )
        energies = self._deps.energy
        turn = self._turn = self._turn + 1
        self._found.classes(add="adding-up")
        try:
            totals = await energies.totals(span, unit, by, zone=zone, scope=scope)
            peaks = await energies.peaks(span, PEAKS, scope=scope)
            if turn != self._turn:
                return  # something else was chosen meanwhile
            if not totals:
                self._say("Nothing was used in this time, as far as is known: choose a longer one.")
                return
            self._note.visible, self._found.visible = False, True
            self._show_totals(totals, span, unit)
            self._peaks.content = _peak_table(peaks, self._deps)
            cells = await energies.heat(usual, zone=zone, scope=scope)
        except QueryError as error:
            if turn == self._turn:
                self._say(f"{error}. Choose again when it does.")
            return
        if turn == self._turn:
            self._show_heat(cells, f"The usual week, {SPANS[min(hours, USUAL_H)]}")
            self._found.classes(remove="adding-up")

    def _show_heat(self, cells: Sequence[HeatCell], title: str) -> None:
        self._usual.content = escape_html(title)
        self._heat.options.clear()
        self._heat.options.update(heat_chart(cells))

    def _say(self, sentence: str) -> None:
        self._note.content, self._note.visible, self._found.visible = escape_html(sentence), True, False
        self._found.classes(remove="adding-up")

    def _show_totals(self, totals: Sequence[EnergyTotal], span: TimeRange, unit: Unit) -> None:
        sums: dict[str, float] = defaultdict(float)
        for total in totals:
            sums[total.who or "all"] += total.energy_kwh
        ranks = sorted(sums, key=lambda who: -sums[who])
        named, rest = ranks[:SHOWN], ranks[SHOWN:]
        bucket_starts = list(_starts(span, unit, self._deps.zone))[-MAX_BARS:]
        places = {start: place for place, start in enumerate(bucket_starts)}
        parts = {who: [0.0] * len(bucket_starts) for who in [*named, *(["others"] if rest else [])]}
        for total in totals:
            if total.start in places:
                who = total.who or "all"
                parts[who if who in named else "others"][places[total.start]] += total.energy_kwh
        labels = [format_clock(start, self._deps.zone, form=FORMS[unit]) for start in bucket_starts]
        self._totals.options.clear()
        self._totals.options.update(totals_chart(labels, parts))
        whole = sum(sums.values())
        zone = self._deps.zone.key
        self._lead.content = escape_html(
            f"{format_energy(whole)} in the {SPANS[int(self._hours.value)]}, {zone}"
        )
        shares = {who: f"{sums[who] / whole:.0%}" if whole else "" for who in ranks[:PEAKS]}
        rows = [(who, format_energy(sums[who]), share) for who, share in shares.items()]
        self._ranks.content = table_html((str(self._by.value), "energy", "share"), rows)


def _starts(span: TimeRange, unit: Unit, zone: ZoneInfo) -> Iterator[datetime]:
    """When each hour, day or week of a time begins, UTC, naive; as the database cuts them."""
    return bucket_starts(TimeRange(span.first, span.end - ROOM), unit, zone)


def _peak_table(peaks: Sequence[Peak], deps: Dependencies) -> str:
    rows = [
        (
            each.sensor_id,
            f"{format_number(each.max_kwh)} kWh",
            format_clock(each.start, deps.zone, form="%Y-%m-%d %H:%M"),
        )
        for each in peaks
    ]
    return table_html(("sensor", "reading", "in the hour from"), rows)
