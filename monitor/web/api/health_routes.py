"""Health: the counters of the ingestors, the database, and how old the newest reading is."""

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from ingestor.documents import utc_now
from monitor.queries.database import QueryDatabase, QueryError
from monitor.queries.readings import ReadingQueries
from monitor.web.api.models import ApiModel, Timestamp
from monitor.web.ingestors import IngestorReport


class IngestorCounters(ApiModel):
    """What an ingestor reports; its counters start when it starts."""

    name: str = Field(examples=["ingestor"])
    state: str = Field(description="Last state reported: `online` or `offline`.", examples=["online"])
    heard_at: Timestamp | None = Field(None, description="When it last reported.")
    since: Timestamp | None = Field(None, description="When it started.")
    database: bool | None = Field(None, description="Whether it reaches the database.")
    received: int | None = Field(None, description="Readings received from the broker.")
    stored: int | None = Field(None, description="Readings stored.")
    duplicates: int | None = Field(None, description="Readings that were stored before.")
    rejected: int | None = Field(None, description="Readings rejected.")
    pending: int | None = Field(None, description="Readings being processed.")
    alerts: int | None = Field(None, description="Alerts published.")
    balance: int | None = Field(None, description="Readings not accounted for: always 0.")


class Health(ApiModel):
    """State of the system."""

    database: bool = Field(description="Whether the database answers.")
    problem: str | None = Field(description="What is wrong with the database, in one sentence.")
    last_reading: Timestamp | None = Field(description="Time of the reading that was stored last.")
    lag_s: float | None = Field(
        description="Age of that reading in seconds; normally about the time between two readings."
    )
    ingestors: list[IngestorCounters] = Field(description="The ingestors, by name.")


def make_health_routes(database: QueryDatabase, reports: Mapping[str, IngestorReport]) -> APIRouter:
    """Routes about the state of the system."""
    router = APIRouter(tags=["health"])
    readings = ReadingQueries(database)

    @router.get("/health", summary="Show the state of the system")
    async def show_health() -> Health:
        """Counters of the ingestors, and whether the database answers; works without the database too."""
        problem, stored_at = None, None
        try:
            if last := await readings.last_stored():
                stored_at = last.get("timestamp")
        except QueryError as error:
            problem = str(error)
        last_reading = stored_at if isinstance(stored_at, datetime) else None
        return Health(
            database=problem is None,
            problem=problem,
            last_reading=last_reading,
            lag_s=None if last_reading is None else (utc_now() - last_reading).total_seconds(),
            ingestors=[
                IngestorCounters(
                    name=name,
                    heard_at=report.received_at,
                    since=report.since,
                    balance=report.imbalance,
                    **report.status.model_dump(exclude={"since"}),
                )
                for name, report in sorted(reports.items())
            ],
        )

    return router
