"""A scenario: a TOML file with sites, nodes and meters, and the faults to inject."""

import math
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from broker.messages import MAX_SENSORS_PER_NODE
from broker.program.bounded_file import read_small
from broker.program.settings import Duration
from broker.program.validation_errors import describe_error, first_error
from broker.topics import SensorId, SiteId
from sensor_node.faults.fault import InjectedFault, fault_conflict
from sensor_node.meter.register import RegisterPlan
from sensor_node.plan import PlanError, PlanTimeline
from sensor_node.profiles import yearly_kwh_error
from sensor_node.recordings.series import Columns
from sensor_node.setting_types import (
    Holidays,
    Interval,
    Kwh,
    LocalTime,
    Location,
    ProfileName,
    Speed,
    Zone,
    to_utc,
)

EXAMPLES = Path(__file__).parent


class ScenarioTable(BaseModel):
    """Base of all tables of a scenario."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ReplayTable(ScenarioTable, Columns):
    """A recording to replay instead of a profile; a relative path starts at the scenario's folder."""

    file: Path
    shift_to_now: bool = False


def _to_span(given: object) -> object:
    return [given, given] if isinstance(given, int | float) else given


def _check_span(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError("write the smaller number first")
    return span


YearlyKwh = Annotated[tuple[Kwh, Kwh], BeforeValidator(_to_span), AfterValidator(_check_span)]


class MetersTable(ScenarioTable):
    """Meters of one kind; ``yearly_kwh`` may be a range to draw it from."""

    count: int = Field(1, ge=1, le=MAX_SENSORS_PER_NODE)
    profile: ProfileName = "lari"
    yearly_kwh: YearlyKwh | None = None
    interval: Interval = timedelta(seconds=2)
    counter: bool | RegisterPlan = False
    replay: ReplayTable | None = None
    faults: tuple[InjectedFault, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if wrong := yearly_kwh_error(self.profile, self.yearly_kwh and self.yearly_kwh[-1]):
            raise ValueError(f"yearly_kwh does not fit profile: {wrong}")
        if self.replay is not None and self.model_fields_set & {"profile", "yearly_kwh", "count", "interval"}:
            raise ValueError("a replay has no profile, yearly_kwh, count or interval; its file has them")
        if wrong := fault_conflict(self.faults, has_counter=bool(self.counter)):
            raise ValueError(wrong.replace("add --counter", "add counter = true"))
        return self


class NodeTable(ScenarioTable):
    """One node: meters behind one connection; their ids count up from ``sensor_id``."""

    sensor_id: SensorId
    location: Location = "LARI Research Lab"
    meters: tuple[MetersTable, ...] = Field(min_length=1)
    faults: tuple[InjectedFault, ...] = ()


class SiteTable(ScenarioTable):
    """One site."""

    name: SiteId
    nodes: tuple[NodeTable, ...] = Field(min_length=1)


class Scenario(ScenarioTable):
    """A whole fleet and its faults; without ``first``, the start of simulated time, it runs live."""

    name: str = Field(min_length=1, max_length=100)
    seed: int | None = None
    time_zone: Zone = ZoneInfo("Europe/Berlin")
    holidays: Holidays = "DE"
    duration: Duration | None = None
    first: LocalTime | None = Field(None, alias="from")
    end: LocalTime | None = Field(None, alias="to")
    speed: Speed = math.inf
    sites: tuple[SiteTable, ...] = Field(min_length=1)
    faults: tuple[InjectedFault, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.first is None and (self.end is not None or "speed" in self.model_fields_set):
            raise ValueError("to and speed need from; without it, the scenario runs live")
        begin, end = self.timeline.begin, self.timeline.end
        if begin is not None and end is not None and end <= begin:
            raise ValueError("to must be later than from")
        return self

    @property
    def timeline(self) -> PlanTimeline:
        """When readings are made."""
        begin, end = (to_utc(moment, self.time_zone) for moment in (self.first, self.end))
        return PlanTimeline(begin, end, self.speed, self.duration)


def find_scenario(file: Path) -> Path:
    """The file of a scenario, or the built-in example of that name if there is no such file."""
    example = EXAMPLES / f"{file.name.removesuffix('.toml')}.toml"
    return example if not file.exists() and len(file.parts) == 1 and example.exists() else file


def read_scenario(file: Path) -> Scenario:
    """Read a scenario; a PlanError says why it is not valid."""
    try:
        content: dict[str, Any] = tomllib.loads(read_small(file))
    except OSError as error:
        examples = ", ".join(sorted(each.stem for each in EXAMPLES.glob("*.toml")))
        raise PlanError(
            f"the scenario {file} cannot be read ({error.strerror}); examples are {examples}"
        ) from error
    except UnicodeDecodeError as error:
        raise PlanError(f"{file} is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{file} is not valid TOML: {error}") from error
    except ValueError as error:
        raise PlanError(f"{file}: a number in it has too many digits") from error
    except RecursionError as error:
        raise PlanError(f"{file} is not valid TOML: it is nested too deep") from error
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        raise PlanError(f"{file}: {_explain(first_error(error))}") from error


def _explain(detail: ErrorDetails) -> str:
    """Where the error is, and what it is; tables of a row are counted from 1."""
    where = ".".join(str(each + 1) if isinstance(each, int) else each for each in detail["loc"])
    return f"{where}: {describe_error(detail)}" if where else describe_error(detail)
