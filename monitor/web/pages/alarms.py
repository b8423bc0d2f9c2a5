"""The page *Alarms*: active and past ones, and what operators do about them."""

from nicegui import ui

from ingestor.documents import AlarmDocument
from monitor.cli.alarms import SEVERITY_COLOURS
from monitor.live.snapshot import REFRESH_EVERY_S
from monitor.queries.alarms import AlarmFilter
from monitor.queries.database import QueryError
from monitor.queries.document_checks import ALARMS
from monitor.queries.paging import ResultPage
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.widgets.alarm_list import AlarmListView
from monitor.web.widgets.choice import add_filter, add_site_filter
from monitor.web.widgets.text import Text

PAST_PAGE_SIZE = 50
MAX_ACTIVE = 200
NOTHING = ResultPage([], None)


class AlarmsPage:
    """The page in one browser."""

    def __init__(self, deps: Dependencies, session: Session) -> None:
        self._deps = deps
        self._past = list[AlarmDocument]()
        self._last = NOTHING
        with ui.element("div").classes("controls"):
            rules = sorted({alarm["rule"] for alarm in deps.live.active_alarms})
            self._filters: dict[str, ui.select | ui.input] = {
                "site": add_site_filter(deps, self.apply_filters),
                "severity": add_filter("Severity", SEVERITY_COLOURS, self.apply_filters),
                "rule": add_filter("Rule", rules, self.apply_filters),
                "sensor_id": ui.input("Sensor", on_change=self.apply_filters),
            }
            self._filters["sensor_id"].props("clearable outlined dense debounce=300")
        Text("Active", "h2")
        self._no_active = Text("", "p", "empty")
        self._active_list = AlarmListView(deps, session)
        Text("Past", "h2")
        self._no_past = Text("Loading …", "p", "empty")
        self._past_list = AlarmListView(deps, session)
        self._older = ui.button("Show older", on_click=self.show_older).props("outline").classes("more")
        self._older.visible = False
        self.update()
        ui.timer(REFRESH_EVERY_S, self.update)
        ui.timer(0.0, self.restart_past, once=True)

    def update(self) -> None:
        """Show the active alarms."""
        everything, chosen = self._deps.live.active_alarms, self._chosen().items()
        active = [alarm for alarm in everything if chosen <= alarm.items()]
        reason = "No alarm matches these filters." if everything else "No active alarms."
        self._no_active.show(None if active else reason)
        self._active_list.show(active[:MAX_ACTIVE])

    async def apply_filters(self) -> None:
        """Show what matches the filters."""
        self.update()
        await self.restart_past()

    async def restart_past(self) -> None:
        """Show the newest past alarms."""
        self._past, self._last = [], NOTHING
        await self.show_older()

    async def show_older(self) -> None:
        """Show more past alarms."""
        chosen = self._chosen()
        site = chosen.pop("site", None)
        wanted = AlarmFilter((site,) if site else (), **chosen)
        try:
            page = await self._deps.alarms.page("past", wanted, PAST_PAGE_SIZE, self._last.end)
        except QueryError as error:
            self._no_past.show(f"{error}.")
            return
        self._past += ALARMS.valid(page.documents)
        self._last = page
        self._past_list.show(self._past)
        self._no_past.show(None if self._past else "No past alarms.")
        self._older.visible = page.end is not None

    def _chosen(self) -> dict[str, str]:
        """The fields that alarms are filtered by."""
        return {field: each.value for field, each in self._filters.items() if each.value}
