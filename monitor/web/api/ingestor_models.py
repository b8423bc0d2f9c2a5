"""What ingestors report, for programs."""

from datetime import UTC, datetime

from pydantic import Field

from monitor.web.api.models import ApiModel, Timestamp
from monitor.web.ingestors import IngestorListener

COUNTER_FIELDS = ("database", "received", "stored", "duplicates", "rejected", "pending", "alerts")


class IngestorCounters(ApiModel):
    """What an ingestor reports; its counters start when it starts."""

    name: str = Field(description="Its name.", examples=["ingestor"])
    state: str = Field(description="What it last said: `online` or `offline`.", examples=["online"])
    heard_at: Timestamp | None = Field(None, description="When it last said something.")
    since: Timestamp | None = Field(None, description="When it began.")
    database: bool | None = Field(None, description="Whether the database answers it.")
    received: int | None = Field(None, description="Readings that came from the broker.")
    stored: int | None = Field(None, description="Readings that it stored.")
    duplicates: int | None = Field(None, description="Readings that were stored already.")
    rejected: int | None = Field(None, description="Readings that it rejected.")
    pending: int | None = Field(None, description="Readings that are neither stored nor rejected yet.")
    alerts: int | None = Field(None, description="Alerts that it published.")
    balance: int | None = Field(None, description="Readings not accounted for: always 0.")


def ingestor_counters(ingestors: IngestorListener) -> list[IngestorCounters]:
    """Write down what all ingestors have said, by their names."""
    return [
        IngestorCounters(
            name=name,
            state=heard.status.state,
            heard_at=heard.received_at,
            since=_naive(heard.status.since),
            balance=heard.imbalance,
            **heard.status.model_dump(include=set(COUNTER_FIELDS)),
        )
        for name, heard in sorted(ingestors.reports.items())
    ]


def _naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
