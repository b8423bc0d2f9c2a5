"""The page *Health*: do the books balance, does everything answer, and what was refused."""

from datetime import UTC

from fastapi import Request
from nicegui import ui

from ingestor.documents import utc_now
from monitor.formatting import format_ago
from monitor.queries.database import QueryError
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.formatting import escape_html, format_clock
from monitor.web.ingestors import IngestorReport
from monitor.web.widgets.kpi import Kpi, table_html
from monitor.web.widgets.layout import add_text, page_layout
from monitor.web.widgets.rejected_list import RejectedListView

REJECTED_SHOWN = 50
POLL_EVERY_S = 5.0
# Ingestors say how they are every five seconds.
STALE_AFTER_S = 20.0
BALANCE = "Whatever was received is stored, was stored before, was refused and kept, or is in hand."
COUNTERS = ("received", "stored", "duplicates", "rejected", "pending")


def add_health(sources: Dependencies) -> None:
    """Make the page.

    Args:
        sources: What it shows.
    """

    @ui.page("/health")
    async def health(request: Request) -> None:
        with page_layout(sources, request, "Health") as person:
            page = _Health(sources, person)
        ui.timer(1.0, page.update)
        ui.timer(0.0, page.look, once=True)
        ui.timer(POLL_EVERY_S, page.look)


class _Health:
    """The page in one browser."""

    def __init__(self, sources: Dependencies, person: Session) -> None:
        self._sources = sources
        with ui.element("div").classes("figures"):
            self._broker, self._database = Kpi("Broker"), Kpi("Database")
            self._books, self._lag = Kpi("Books"), Kpi("In hand")
        add_text("The books", "h2")
        add_text(BALANCE, "p", "lead")
        self._table = ui.html("", sanitize=False).classes("card scroll").props('tabindex="0"')
        add_text("Refused payloads", "h2")
        self._note = add_text("Looking …", "p", "empty")
        self._rejected = RejectedListView(sources, person)
        self.update()

    def update(self) -> None:
        """Show what is so now."""
        sources, now = self._sources, utc_now()
        broker, database = sources.ingestors.error, sources.live.error
        self._broker.show(*(("away", broker, "major") if broker else ("well", "answers", "well")))
        fresh = format_ago(sources.live.fresh_at, now)
        self._database.show(
            *(("away", database, "major") if database else ("well", f"answered {fresh}", "well"))
        )
        self._show_books()
        statuses = [each.status for each in sources.ingestors.reports.values()]
        pending = sum(each.pending or 0 for each in statuses)
        moments = (
            each.last_seen_at for each in sources.live.sensor_cache.sensors.values() if each.last_seen_at
        )
        self._lag.show(
            f"{pending:,}", f"the newest reading was made {format_ago(max(moments, default=None), now)}"
        )
        self._table.content = _counters_table(sources)

    def _show_books(self) -> None:
        heard = self._sources.ingestors.reports
        gaps = {name: gap for name, each in heard.items() if (gap := each.imbalance)}
        online = sum(is_online(each, self._sources) for each in heard.values())
        count = f"{online} of {len(heard)} ingestors online"
        if gaps:
            missing = ", ".join(f"{name}: {gap:+,}" for name, gap in gaps.items())
            self._books.show("do not balance", missing, "major")
        else:
            self._books.show("balance" if heard else "—", count, "well" if online else "major")

    async def look(self) -> None:
        """Look up what was refused."""
        try:
            found = await self._sources.rejected.newest(REJECTED_SHOWN)
        except QueryError as error:
            self._note.content, self._note.visible = escape_html(f"{error}."), True
            return
        self._note.visible = False
        self._rejected.show(found)


def is_online(heard: IngestorReport, sources: Dependencies) -> bool:
    """Whether an ingestor says that it is there, and has said so of late."""
    is_fresh = (utc_now() - heard.received_at).total_seconds() < STALE_AFTER_S
    return heard.status.state == "online" and is_fresh and sources.ingestors.error is None


def _counters_table(sources: Dependencies) -> str:
    rows = [_counters_row(name, heard, sources) for name, heard in sorted(sources.ingestors.reports.items())]
    if not rows:
        return '<p class="hint">No ingestor has said anything yet.</p>'
    return table_html(("ingestor", "state", *COUNTERS, "adds up"), rows)


def _counters_row(name: str, heard: IngestorReport, sources: Dependencies) -> list[str]:
    status, gap = heard.status, heard.imbalance
    state = "online" if is_online(heard, sources) else "not heard"
    if status.state == "offline":
        state = "offline"
    if status.since is not None:
        state += f" since {format_clock(status.since.astimezone(UTC).replace(tzinfo=None), sources.zone)}"
    told = [getattr(status, each) for each in COUNTERS]
    numbers = ["—" if each is None else f"{each:,}" for each in told]
    return [name, state, *numbers, f"{gap:+,} missing" if gap else "yes"]
