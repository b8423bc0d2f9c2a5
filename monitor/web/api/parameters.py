"""What can be asked: the parts that questions have in common, and what of them fits together."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple, cast, get_args

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from broker.topics import SensorId, SiteId
from ingestor.documents import format_timestamp, utc_now
from monitor.queries.database import TimeRange
from monitor.queries.paging import MAX_CURSOR_LENGTH, PageCursor
from monitor.queries.readings import Resolution
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
    """Read a time as documents have it: UTC, naive, the next millisecond that is not before it.

    Raises:
        ValueError: It is not written as it should be.
    """
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
    """A question. A parameter that there is not is an error, so that nobody's typing error passes unseen."""

    model_config = ConfigDict(extra="forbid")


class SiteQuery(StrictQuery):
    """A question about sites."""

    site: SiteIds = Field([], description="Only of these sites.", examples=[["lari"]])


class ListQuery(StrictQuery):
    """A question for a list, which comes in pages."""

    limit: int = Field(1000, ge=1, le=MAX_PAGE_SIZE, description="How many at most.")


class PagedQuery(ListQuery):
    """A question for a list that can go on."""

    after: Cursor | SkipJsonSchema[None] = Field(None, description="The `next` of the page before.")


class TimeRangeQuery(StrictQuery):
    """A question about a time."""

    from_: Time | SkipJsonSchema[None] = Field(
        None,
        alias="from",
        description="From this moment on; if it is not given, some time before `to`.",
        examples=["2026-11-23T00:00:00Z"],
    )
    to: Time | SkipJsonSchema[None] = Field(
        None,
        description="Up to, but without, this moment; now if it is not given.",
        examples=["2026-11-24T00:00:00+01:00"],
    )

    def span(self, usual: timedelta = DAY, most: timedelta | None = None) -> TimeRange:
        """The time that is asked for.

        Args:
            usual: How long it is if nobody says it.
            most: How long it may be.

        Raises:
            UnfitError: There is no such time, or it is too long.
        """
        # The reading of this very millisecond is in it.
        end = self.to or utc_now() + MILLISECOND
        first = self.from_ or end - usual
        if first >= end:
            told = "`to`" if self.to else f"now ({format_timestamp(end)}), as `to` is not given"
            raise InvalidQueryError("range", f"from: must be before {told}")
        if most is not None and end - first > most:
            days = (end - first) / DAY
            raise InvalidQueryError(
                "range",
                f"from, to: {days:,.0f} days are too many at once; ask for at most {most / DAY:.0f} days",
            )
        return TimeRange(first, end)


class SeriesCursor(NamedTuple):
    """Where a page of readings, hours or days of one sensor ended.

    Attributes:
        resolution: What was in it, which may have been chosen by the number of readings.
        last_id: The end of the last one's id.
    """

    resolution: Resolution
    last_id: str

    def __str__(self) -> str:
        return f"{self.resolution}~{self.last_id}"

    @classmethod
    def parse(cls, cursor: str) -> "SeriesCursor":
        """Read where a page ended.

        Raises:
            UnfitError: It was not given out by this interface.
        """
        grain, separator, name = cursor.partition("~")
        if grain not in get_args(Resolution) or not separator:
            raise InvalidQueryError("cursor", CURSOR_RULE)
        return cls(cast("Resolution", grain), name)


def parse_cursor(cursor: str | None) -> PageCursor | None:
    """Read where a page ended.

    Raises:
        UnfitError: It was not given out by this interface.
    """
    if cursor is None:
        return None
    try:
        return PageCursor.parse(cursor)
    except ValueError:
        raise InvalidQueryError("cursor", CURSOR_RULE) from None


def format_cursor(mark: PageCursor | None) -> str | None:
    """Write where a page ended; null if nothing comes after it."""
    return None if mark is None else str(mark)
