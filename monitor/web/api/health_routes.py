"""Whether all is well: the books of the ingestors, the database, and how far the readings are behind."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from ingestor.documents import utc_now
from monitor.queries.database import Database, QueryError
from monitor.queries.readings import ReadingQueries
from monitor.web.api.ingestor_models import IngestorCounters
from monitor.web.api.models import ApiModel, Timestamp


class Health(ApiModel):
    """How the system is."""

    database: bool = Field(description="Whether the database answers.")
    problem: str | None = Field(description="What is wrong with the database, in one sentence.")
    last_reading: Timestamp | None = Field(description="The time of the reading that was stored last.")
    lag_s: float | None = Field(
        description="How long ago that was, seconds: about the time between two readings if all is well."
    )
    ingestors: list[IngestorCounters] = Field(description="The ingestors, by their names.")


def make_health_routes(database: Database, ingestors: Callable[[], list[IngestorCounters]]) -> APIRouter:
    """The question how the system is.

    Args:
        database: What is asked whether it answers.
        ingestors: What ingestors say of themselves.
    """
    router = APIRouter(tags=["health"])
    readings = ReadingQueries(database)

    @router.get("/health", summary="Show how the system is")
    async def show_health() -> Health:
        """The books of the ingestors, and whether the database answers: this is told even if it does not."""
        problem, last = None, None
        try:
            last = await readings.last_stored()
        except QueryError as error:
            problem = str(error)
        at = None if last is None else last.get("timestamp")
        moment = at if isinstance(at, datetime) else None
        return Health(
            database=problem is None,
            problem=problem,
            last_reading=moment,
            lag_s=None if moment is None else (utc_now() - moment).total_seconds(),
            ingestors=ingestors(),
        )

    return router
