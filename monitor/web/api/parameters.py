"""Parameters that queries share, and which of them fit together."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from broker.topics import SensorId, SiteId
from ingestor.documents import format_timestamp, utc_now
from monitor.queries.database import TimeRange
from monitor.queries.paging import MAX_CURSOR_LENGTH, PageCursor
from monitor.web.api.errors import InvalidQueryError

DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
MAX_PAGE_SIZE = 5000
MAX_IDS = 100
CURSOR_RULE = "after: give it the `next` of the answer before"
YEARS = "19[7-9][0-9]|2[01][0-9]{2}"
TIME_PATTERN = (
    rf"^({YEARS})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
TIME_RULE = (
    "write it as ISO 8601 with an offset, as 2026-11-23T10:00:00Z; the years 1970 to 2199 are known "
    "(a + is written %2B in an address)"
)
_is_time = re.compile(TIME_PATTERN.replace("$", r"\Z")).match


def parse_timestamp(text: object) -> datetime:
    """Read a time as documents have it: UTC, naive, rounded up to the next millisecond."""
    if not isinstance(text, str) or not _is_time(text):
        raise ValueError(TIME_RULE)
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        raise ValueError(TIME_RULE) from None
    return moment + timedelta(microseconds=-moment.microsecond % 1000)


Time = Annotated[
    datetime,
    BeforeValidator(parse_timestamp),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": TIME_PATTERN}),
]
SensorPath = Annotated[SensorId, Path(description="The sensor.", examples=["Sensor-LARI-01"])]
SiteIds = Annotated[list[SiteId], Field(max_length=MAX_IDS)]
SensorIds = Annotated[list[SensorId], Field(max_length=MAX_IDS)]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=MAX_CURSOR_LENGTH)]


class StrictQuery(BaseModel):
    """A query. Unknown parameters are errors, so that spelling mistakes do not go unnoticed."""

    model_config = ConfigDict(extra="forbid")


class SiteQuery(StrictQuery):
    """A query about sites."""

    site: SiteIds = Field([], description="Only these sites.", examples=[["lari"]])


class PagedQuery(StrictQuery):
    """A query for a list that comes in pages."""

    limit: int = Field(1000, ge=1, le=MAX_PAGE_SIZE, description="Number of items at most.")
    after: Cursor | SkipJsonSchema[None] = Field(None, description="`next` of the previous page.")


class TimeRangeQuery(StrictQuery):
    """A query about a period."""

    default_span: ClassVar[timedelta] = DAY
    max_span: ClassVar[timedelta | None] = None
    from_: Time | SkipJsonSchema[None] = Field(
        None,
        alias="from",
        description="Start, included; by default some time before `to`.",
        examples=["2026-11-23T00:00:00Z"],
    )
    to: Time | SkipJsonSchema[None] = Field(
        None, description="End, not included; now by default.", examples=["2026-11-24T00:00:00+01:00"]
    )

    def span(self) -> TimeRange:
        """The period; raises InvalidQueryError if it ends before it starts, or is too long."""
        # With the reading of this very millisecond.
        end = self.to or utc_now() + MILLISECOND
        first = self.from_ or end - self.default_span
        if first >= end:
            limit = "`to`" if self.to else f"now ({format_timestamp(end)}), as `to` is not given"
            raise InvalidQueryError("range", f"from: must be before {limit}")
        if self.max_span is not None and end - first > self.max_span:
            too_many = f"{(end - first) / DAY:,.0f} days are too many at once"
            most = f"ask for at most {self.max_span / DAY:.0f} days"
            raise InvalidQueryError("range", f"from, to: {too_many}; {most}")
        return TimeRange(first, end)


def parse_cursor(text: str | None) -> PageCursor | None:
    """Read where a page ended; raises InvalidQueryError if no answer said so."""
    try:
        return None if text is None else PageCursor.parse(text)
    except ValueError:
        raise InvalidQueryError("cursor", CURSOR_RULE) from None
