"""The page *Alarms*: those that stand, those that are over, and what operators do about them."""

from collections.abc import Iterable

from fastapi import Request
from nicegui import ui

from broker.escape import escape_text
from ingestor.documents import AlarmDocument
from monitor.cli.alarms import SEVERITY_COLOURS
from monitor.live.snapshot import REFRESH_EVERY_S
from monitor.queries.alarms import AlarmFilter
from monitor.queries.database import QueryError
from monitor.queries.document_checks import ALARMS
from monitor.queries.paging import ResultPage
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.formatting import escape_html
from monitor.web.widgets.alarm_list import AlarmListView
from monitor.web.widgets.layout import add_text, page_layout

PAST_PAGE_SIZE = 50
MAX_ACTIVE = 200
NOTHING = ResultPage([], None)
WELL = "No alarm stands. All is well."


def add_alarms(sources: Dependencies) -> None:
    """Make the page.

    Args:
        sources: What it shows.
    """

    @ui.page("/alarms")
    async def alarms(request: Request) -> None:
        with page_layout(sources, request, "Alarms") as person:
            page = _Alarms(sources, person)
        ui.timer(REFRESH_EVERY_S, page.update)
        ui.timer(0.0, page.begin_past, once=True)


class _Alarms:
    """The page in one browser."""

    def __init__(self, sources: Dependencies, person: Session) -> None:
        self._sources = sources
        self._past: list[AlarmDocument] = []
        self._last = NOTHING
        with ui.element("div").classes("controls"):
            sites = sorted({each.site for each in sources.live.sensor_cache.sensors.values() if each.site})
            self._site = self._choice("Site", sites)
            self._severity = self._choice("Severity", SEVERITY_COLOURS)
            self._rule = self._choice("Rule", sorted({alarm["rule"] for alarm in sources.live.active_alarms}))
            self._sensor = ui.input("Sensor", on_change=self.filter_anew)
            self._sensor.props("clearable outlined dense debounce=300")
        add_text("Standing", "h2")
        self._none = add_text(WELL, "p", "empty")
        self._standing = AlarmListView(sources, person)
        add_text("Past", "h2")
        self._no_past = add_text("Looking …", "p", "empty")
        self._over = AlarmListView(sources, person)
        self._older = ui.button("Show older ones", on_click=self.show_older).props("outline").classes("more")
        self._older.visible = False
        self.update()

    def _choice(self, label: str, values: Iterable[str]) -> ui.select:
        options = {"": "all", **{each: escape_text(each) for each in values}}
        choice = ui.select(options, value="", label=label, on_change=self.filter_anew)
        return choice.props("outlined dense").classes("choice")

    def update(self) -> None:
        """Show what stands now."""
        standing = [alarm for alarm in self._sources.live.active_alarms if self._is_sought(alarm)]
        is_all = len(standing) == len(self._sources.live.active_alarms)
        self._none.content = WELL if is_all else "No standing alarm is like that."
        self._none.visible = not standing
        self._standing.show(standing[:MAX_ACTIVE])

    async def filter_anew(self) -> None:
        """Show what the filters say."""
        self.update()
        await self.begin_past()

    async def begin_past(self) -> None:
        """Show the last ones that are over."""
        self._past, self._last = [], NOTHING
        await self.show_older()

    async def show_older(self) -> None:
        """Show some more that are over."""
        chosen = (self._sensor.value, self._rule.value, self._severity.value)
        sought = AlarmFilter(
            (self._site.value,) if self._site.value else (), *(each or None for each in chosen)
        )
        try:
            page = await self._sources.episodes.page("past", sought, PAST_PAGE_SIZE, self._last.end)
        except QueryError as error:
            self._no_past.content, self._no_past.visible = escape_html(f"{error}."), True
            return
        self._past += ALARMS.valid(page.documents)
        self._last = page
        self._over.show(self._past)
        self._no_past.content, self._no_past.visible = "None so far.", not self._past
        self._older.visible = page.end is not None

    def _is_sought(self, alarm: AlarmDocument) -> bool:
        return (
            self._site.value in {"", alarm["site"]}
            and self._severity.value in {"", alarm["severity"]}
            and self._rule.value in {"", alarm["rule"]}
            and (not self._sensor.value or self._sensor.value == alarm["sensor_id"])
        )
