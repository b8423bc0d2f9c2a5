"""The page *Health*: is every reading accounted for, does everything answer, and what was rejected."""

from nicegui import ui

from ingestor.documents import utc_now
from monitor.formatting import format_ago, format_clock
from monitor.queries.database import QueryError
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from monitor.web.html import render
from monitor.web.ingestors import IngestorReport
from monitor.web.widgets.rejected_list import RejectedListView
from monitor.web.widgets.text import Kpi, Text

REJECTED_SHOWN = 50
POLL_EVERY_S = 5.0
# Ingestors report every five seconds.
STALE_AFTER_S = 20.0
BALANCE = "Every reading received is stored, a duplicate, rejected, or being processed."
COUNTERS = {
    "Received": "received",
    "Stored": "stored",
    "Duplicates": "duplicates",
    "Rejected": "rejected",
    "Being processed": "pending",
}


class HealthPage:
    """The page in one browser."""

    def __init__(self, deps: Dependencies, session: Session) -> None:
        self._deps = deps
        with ui.element("div").classes("kpis"):
            self._broker, self._database = Kpi("Broker"), Kpi("Database")
            self._balance, self._pending = Kpi("Readings"), Kpi("Being processed")
        Text("Every reading accounted for", "h2")
        Text(BALANCE, "p", "lead")
        self._table = ui.html("", sanitize=False).classes("card scroll").props('tabindex="0"')
        Text("Rejected payloads", "h2")
        self._note = Text("Loading …", "p", "empty")
        self._rejected = RejectedListView(deps, session)
        self.update()
        ui.timer(1.0, self.update)
        ui.timer(POLL_EVERY_S, self.load_rejected)

    def update(self) -> None:
        """Show the present state."""
        deps, now = self._deps, utc_now()
        fresh = f"answered {format_ago(deps.live.fresh_at, now)}"
        _show_server(self._broker, deps.ingestors.error, "connected")
        _show_server(self._database, deps.live.error, fresh)
        self._show_balance()
        pending = sum(each.status.pending or 0 for each in deps.ingestors.reports.values())
        seen = (each.last_seen_at for each in deps.live.sensor_cache.sensors.values())
        newest = max(filter(None, seen), default=None)
        detail = "No readings yet" if newest is None else f"newest reading {format_ago(newest, now)}"
        self._pending.show(f"{pending:,}", detail)
        self._table.content = _counters_table(deps)

    def _show_balance(self) -> None:
        reports = self._deps.ingestors.reports
        imbalances = {name: each.imbalance for name, each in reports.items() if each.imbalance}
        online = sum(is_online(each, self._deps) for each in reports.values())
        if imbalances:
            missing = ", ".join(f"{name}: {count:+,}" for name, count in imbalances.items())
            self._balance.show("Not balanced", missing, "major")
        else:
            count = f"{online} of {len(reports)} ingestors online"
            self._balance.show("Balanced" if reports else "—", count, "ok" if online else "major")

    async def load_rejected(self) -> None:
        """Show the newest rejected payloads."""
        try:
            found = await self._deps.rejected.newest(REJECTED_SHOWN)
        except QueryError as error:
            self._note.show(f"{error}.")
            return
        self._note.show(None)
        self._rejected.show(found)


def is_online(report: IngestorReport, deps: Dependencies) -> bool:
    """Whether an ingestor reports that it is online, and has done so lately."""
    is_fresh = (utc_now() - report.received_at).total_seconds() < STALE_AFTER_S
    return report.status.state == "online" and is_fresh and deps.ingestors.error is None


def _show_server(kpi: Kpi, error: str | None, detail: str) -> None:
    if error:
        kpi.show("Not reachable", error, "major")
    else:
        kpi.show("OK", detail, "ok")


def _counters_table(deps: Dependencies) -> str:
    rows = [_counters_row(name, report, deps) for name, report in sorted(deps.ingestors.reports.items())]
    if not rows:
        return '<p class="hint">No ingestor has reported yet.</p>'
    return render("table.html", heads=("Ingestor", "State", *COUNTERS, "Balanced"), rows=rows)


def _counters_row(name: str, report: IngestorReport, deps: Dependencies) -> list[str]:
    status, imbalance = report.status, report.imbalance
    state = "online" if is_online(report, deps) else "not responding"
    state = "offline" if status.state == "offline" else state
    if report.since is not None:
        state += f" since {format_clock(report.since, deps.zone)}"
    counters = [getattr(status, each) for each in COUNTERS.values()]
    numbers = ["—" if each is None else f"{each:,}" for each in counters]
    return [name, state, *numbers, f"{imbalance:+,} missing" if imbalance else "yes"]
