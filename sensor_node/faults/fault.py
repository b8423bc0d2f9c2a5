"""A fault to inject: its kind, how often or when, and its parameters.

In a scenario ``{ kind = "clock-jump", rate = "0.5%", by = "-1h", length = 4 }``, as an option
``--fault clock-jump=0.5%,by=-1h,length=4``.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Self

import durationpy
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from broker.program.validation_errors import describe_error, first_error
from sensor_node.faults.fault_types import FAULT_PARAMETERS, FAULT_TYPES

# A reading that is about five minutes ahead may be stored or rejected.
AMBIGUOUS_CLOCK_ERROR = (timedelta(minutes=4), timedelta(minutes=6))
MAX_OFFSET = timedelta(days=3650)
OTHER_WORDS = {*FAULT_PARAMETERS, "at", "from", "to", "meters"}


def parse_rate(text: object) -> object:
    """Turn ``1%`` into 0.01."""
    if not isinstance(text, str):
        return text
    number = text.strip().removesuffix("%")
    try:
        return float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        raise ValueError("write a rate as 1% or 0.01") from None


def parse_duration(text: object) -> object:
    """Turn ``90s``, ``-1h`` or ``+5m`` into a timedelta."""
    if not isinstance(text, str):
        return text
    try:
        return durationpy.from_str(text.removeprefix("+"))
    except (durationpy.DurationError, OverflowError):
        raise ValueError("write a duration as 30s, 10m, -1h or 1h30m") from None


def parse_when(text: object) -> object:
    """Turn ``+5m`` into the time since the start, or an ISO 8601 text into a time."""
    if isinstance(text, str) and text.startswith("+"):
        return parse_duration(text)
    if isinstance(text, str):
        try:
            text = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("write +5m for a time after the start, or 2026-11-23T10:00:00Z") from None
    if isinstance(text, datetime) and text.tzinfo is None:
        raise ValueError("a time needs an offset: 2026-11-23T10:00:00Z")
    return text


Rate = Annotated[float, BeforeValidator(parse_rate), Field(gt=0, le=1)]
SignedDuration = Annotated[timedelta, BeforeValidator(parse_duration)]
When = Annotated[timedelta | AwareDatetime, BeforeValidator(parse_when)]


class InjectedFault(BaseModel):
    """One fault; parameters that its kind does not have change nothing.

    Attributes:
        rate: Probability that it begins at a reading, 0 to 1; None for once.
        at: It happens once, at the first reading from then on.
        first: It only begins from then on.
        end: It only begins before then.
        meters: Which meters; a name with ``*``.
        factor: Factor on the values.
        by: Clock error; negative: behind.
        length: Number of readings it lasts; of ``reorder``: how many later readings overtake.
        copies: How often a reading is sent; of ``flapping``: how often the connection is lost.
        away: How long the node is away.
        backfill: Whether the readings of a gap are sent at its end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    kind: str
    rate: Rate | None = None
    at: When | None = None
    first: When | None = Field(None, alias="from")
    end: When | None = Field(None, alias="to")
    meters: str = "*"
    factor: float = Field(1.0, gt=0, le=1_000_000)
    by: SignedDuration = timedelta(0)
    length: int = Field(1, ge=1, le=100_000)
    copies: int = Field(1, ge=1, le=10_000)
    away: SignedDuration = Field(timedelta(0), ge=timedelta(0), le=timedelta(days=1))
    backfill: bool = False

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: object) -> object:
        if not isinstance(given, dict) or not isinstance(kind := given.get("kind"), str):
            return given
        if kind not in FAULT_TYPES:
            raise ValueError(f"{kind!r} is not a fault; faults are {', '.join(FAULT_TYPES)}")
        fault_type = FAULT_TYPES[kind]
        unknown = [name for name in FAULT_PARAMETERS if name in given and name not in fault_type.defaults]
        if unknown:
            has = " and ".join(fault_type.defaults) or "no parameters"
            raise ValueError(f"{kind} has no {unknown[0]}; it has {has}")
        return {**fault_type.defaults, **given}

    @field_validator("at", "first", "end")
    @classmethod
    def _check_when(cls, when: timedelta | datetime | None) -> timedelta | datetime | None:
        if isinstance(when, timedelta) and not timedelta(0) <= when <= MAX_OFFSET:
            raise ValueError("a time after the start must be +0s to +87600h")
        return when

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.rate is None) == (self.at is None):
            raise ValueError(f"{self.kind} needs a rate (1%) or a time (at = +5m), not both")
        if AMBIGUOUS_CLOCK_ERROR[0] < self.by < AMBIGUOUS_CLOCK_ERROR[1]:
            raise ValueError(f"{self.kind} by 4 to 6 minutes has no certain outcome; use less or more")
        if self.kind == "clock-skew" and abs(self.by) > AMBIGUOUS_CLOCK_ERROR[0]:
            raise ValueError("clock-skew is limited to 4 minutes; use clock-jump for more")
        return self

    @property
    def of_node(self) -> bool:
        """Whether it strikes a whole node."""
        return FAULT_TYPES[self.kind].of_node

    @property
    def readings(self) -> int:
        """How many readings it affects; a reordering affects only one."""
        return 1 if self.kind == "reorder" else self.length

    def may_start(self, moment: datetime, begin: datetime) -> bool:
        """Whether it may begin at a time of a run."""
        has_begun = self.first is None or _has_come(self.first, moment, begin)
        return has_begun and not _has_come(self.end, moment, begin)

    def is_due(self, moment: datetime, begin: datetime) -> bool:
        """Whether a fault that happens once is due."""
        return _has_come(self.at, moment, begin)


def _has_come(when: timedelta | datetime | None, moment: datetime, begin: datetime) -> bool:
    at = begin + when if isinstance(when, timedelta) else when
    return at is not None and at <= moment


def fault_conflict(faults: Iterable[InjectedFault], *, has_counter: bool) -> str | None:
    """What is wrong with the faults of one meter; None if nothing is."""
    if not has_counter and any(fault.kind == "counter-reset" for fault in faults):
        return "counter-reset needs a register: add --counter"
    return None


def check_faults(texts: list[str]) -> list[str]:
    """Check faults; the parts of one that commas separated are joined again."""
    whole: list[str] = []
    for text in texts:
        if whole and text.partition("=")[0].strip() in OTHER_WORDS:
            whole[-1] += f",{text}"
        else:
            whole.append(text)
    for text in whole:
        read_fault(text)
    return whole


def read_fault(text: str) -> InjectedFault:
    """Parse a fault as written on the command line."""
    try:
        return InjectedFault.model_validate(_parse_fault(text))
    except ValidationError as error:
        first = first_error(error)
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        raise ValueError(where + describe_error(first)) from None


def _parse_fault(text: str) -> dict[str, object]:
    """Turn ``duplicate=1%,copies=3`` into the fields of ``InjectedFault``."""
    first, *rest = text.split(",")
    kind, _, rate = first.partition("=")
    given: dict[str, object] = {"kind": kind.strip()}
    if rate and rate.strip() != "once":
        given["rate"] = rate
    for part in rest:
        name, has_value, value = part.strip().partition("=")
        if not re.fullmatch(r"[a-z]+", name):
            raise ValueError("write a fault as duplicate=1%,copies=3")
        given[name] = value if has_value else True
    if rate.strip() == "once":
        given.setdefault("at", "+0s")
    return given
