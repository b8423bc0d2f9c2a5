"""What ``monitor export`` can be told: where to, in which format, which readings."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import CliPositionalArg, SettingsConfigDict

from broker.program.settings import MongoUrl, ProcessSettings, exit_with
from broker.topics import ID_PATTERN
from monitor.export.formats import FORMATS, FormatName
from monitor.export.target import STANDARD_OUTPUT
from monitor.queries.database import TimeRange

PROGRAM = "monitor export"
EVER = TimeRange(datetime.min, datetime.max)  # noqa: DTZ901 - without a zone, as in documents
MILLISECOND = timedelta(milliseconds=1)


def parse_moment(text: object) -> object:
    """Turn an ISO 8601 date or time into a document's time; without an offset it is UTC."""
    if not isinstance(text, str):
        return text
    try:
        moment = datetime.fromisoformat(text)
        utc = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        # No reading lies between two milliseconds, so the later one has the same meaning.
        return utc + (-timedelta(microseconds=utc.microsecond)) % MILLISECOND
    except (ValueError, OverflowError):
        raise ValueError("write a date or a time as 2026-11-23 or 2026-11-23T10:00:00+01:00") from None


def check_sensors(text: str) -> str:
    """Let a list of sensors pass."""
    if not all(re.fullmatch(ID_PATTERN, name) for name in text.split(",")):
        raise ValueError("write names separated by commas: Sensor-LARI-01,Sensor-LARI-02")
    return text


Moment = Annotated[datetime, BeforeValidator(parse_moment)]


class ExportSettings(ProcessSettings):
    """Write readings to a file: CSV, Parquet or JSON Lines.

    The file is written as FILE.part and renamed when it is complete.
    A location set with `monitor sensors` is written instead of the one in the readings.

    Example: monitor export november.parquet --from 2026-11-01 --to 2026-12-01
    """

    # `--from` and `--to` are no names of environment variables either.
    model_config = SettingsConfigDict(env_prefix_target="all")

    file: CliPositionalArg[Path] = Field(
        description="its extension selects the format; - for standard output"
    )
    format: FormatName | None = Field(
        None, description="the format, if the extension of FILE does not select it"
    )
    first: Moment | None = Field(
        None,
        alias="from",
        description="first date or time, ISO 8601; UTC unless it has an offset",
    )
    end: Moment | None = Field(None, alias="to", description="end date or time (exclusive), ISO 8601")
    sensor: Annotated[str, AfterValidator(check_sensors)] | None = Field(
        None, description="only these sensors: names separated by commas"
    )
    force: bool = Field(False, description="overwrite FILE if it exists")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")

    @field_validator("end")
    @classmethod
    def check_end(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        """Let an end pass that is after the beginning."""
        first = info.data.get("first")
        if end is not None and first is not None and end <= first:
            raise ValueError("must be later than --from")
        return end

    @property
    def span(self) -> TimeRange:
        """The time, UTC, naive."""
        return TimeRange(self.first or EVER.first, self.end or EVER.end)

    @property
    def sensor_ids(self) -> tuple[str, ...]:
        """The sensors, each once; none for all."""
        return tuple(dict.fromkeys(self.sensor.split(","))) if self.sensor else ()


def choose_format(file: Path, given: FormatName | None) -> FormatName:
    """Tell the format from what was given, else from the file's extension."""
    if file == STANDARD_OUTPUT and given == "parquet":
        exit_with(PROGRAM, "Parquet cannot be written to standard output; name a file, or use csv or jsonl")
    if given is not None:
        return given
    if file == STANDARD_OUTPUT:
        exit_with(PROGRAM, "standard output has no extension; add --format csv or --format jsonl")
    named = next((name for name in FORMATS if file.suffix.lower() == f".{name}"), None)
    if named is None:
        exit_with(PROGRAM, f"{file}: unknown extension; use .csv, .parquet or .jsonl, or add --format")
    return named
