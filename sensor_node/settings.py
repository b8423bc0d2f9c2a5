"""What a sensor node can be told, on the command line or in the environment."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from broker.address import MqttUrl
from broker.messages import MAX_SENSORS_PER_NODE, MAX_VALUE_KWH
from broker.settings import Duration, ProcessSettings
from broker.topics import SensorId, SiteId, TopicRoot
from sensor_node.faults.fault import FAULT_PARAMETERS, InjectedFault, fault_conflict, parse_fault
from sensor_node.meter.sensor_ids import count_up
from sensor_node.profiles import PROFILES, Surroundings, parse_holidays, yearly_kwh_error

YEARS = (2000, 2100)
SPEEDS = (0.001, 1_000_000)
FIRST_SENSOR = "Sensor-LARI-01"
OTHER_WORDS = {*FAULT_PARAMETERS, "at", "from", "to", "meters"}


def check_interval(interval: timedelta) -> timedelta:
    """Let an interval pass at which a meter may be read."""
    if not timedelta(milliseconds=1) <= interval <= timedelta(days=1):
        raise ValueError("an interval is 1ms to 24h")
    return interval


def check_zone(name: str) -> str:
    """Let the name of a time zone pass."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError("write a time zone as Europe/Berlin or UTC") from None
    return name


def check_profile(name: str) -> str:
    """Let the name of a load profile pass."""
    if name not in PROFILES:
        raise ValueError(f"there is no such profile; there are {', '.join(PROFILES)}")
    return name


def parse_local(text: object) -> object:
    """Turn a date or time into a datetime; without an offset it is local time."""
    if not isinstance(text, str):
        return text
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("write a date or a time as 2026-01-31 or 2026-01-31T10:00") from None


def check_year(moment: datetime) -> datetime:
    """Let a time pass in which there are meters."""
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise ValueError(f"a time is in the years {YEARS[0]} to {YEARS[1]}")
    return moment


def check_faults(texts: list[str]) -> list[str]:
    """Let faults pass that can be read; each is one text again, however the commas were taken."""
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
    """Read a fault as it is written on the command line.

    Raises:
        ValueError: It is none; the text is one sentence.
    """
    try:
        return InjectedFault.model_validate(parse_fault(text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        raise ValueError(where + first["msg"].removeprefix("Value error, ")) from None


def parse_speed(given: object) -> object:
    """Let a speed pass that time can have."""
    if given == "max":
        return given
    try:
        speed = float(str(given))
    except ValueError:
        speed = 0.0
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise ValueError("a speed is 0.001 to 1000000 seconds a second, or max")
    return speed


Interval = Annotated[Duration, AfterValidator(check_interval)]
Zone = Annotated[str, AfterValidator(check_zone)]
Holidays = Annotated[str, AfterValidator(parse_holidays)]
ProfileName = Annotated[str, AfterValidator(check_profile)]
LocalTime = Annotated[datetime, BeforeValidator(parse_local), AfterValidator(check_year)]
Kwh = Annotated[float, Field(gt=0, le=1_000_000_000, allow_inf_nan=False)]
Location = Annotated[str, StringConstraints(max_length=200)]
Speed = Annotated[float | Literal["max"], BeforeValidator(parse_speed)]


class TransportSettings(ProcessSettings):
    """How readings are brought home, whatever is measured."""

    outbox: Path | None = Field(
        None,
        description="keep readings that are not confirmed yet in this file, or in a folder with one "
        "file per node; else in memory",
    )
    outbox_limit: Annotated[int, Field(ge=1)] = Field(
        1_000_000, description="most readings to keep; newer ones are then refused, and said so"
    )
    backfill_rate: Annotated[int, Field(ge=1)] = Field(
        2_000,
        description="readings a second that are sent again, or were left from before, beside the new ones",
    )
    ledger: Path | None = Field(
        None,
        description="append every attempt, what must come of it and its outcome to this file, for "
        "`monitor verify`",
    )
    heartbeat: Path | None = Field(None, description="touch this file whenever the broker took readings")
    drain: Duration = Field(
        "60s", validate_default=True, description="at the end: how long to wait for confirmations"
    )
    threshold_kwh: Annotated[float, Field(ge=0, le=MAX_VALUE_KWH, allow_inf_nan=False)] = Field(
        12.0, description="for the ledger: a reading strictly above it must be flagged"
    )
    mqtt_url: MqttUrl = Field("mqtt://127.0.0.1:1883", description="the broker")
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")


class PlaceSettings(ProcessSettings):
    """Which meters, and where they are."""

    # `--from` and `--to` are no names of environment variables either.
    model_config = SettingsConfigDict(env_prefix_target="all")

    sensor_id: SensorId | None = Field(
        None,
        description=f"the first meter; further ones count up from it. Default: {FIRST_SENSOR}, or with "
        "an outbox folder the first of the row that no other node there has taken",
    )
    location: Location = Field("LARI Research Lab", description="where the meters are, for people")
    site: SiteId = Field("lari", description="the site they belong to")
    counter: bool = Field(False, description="meters have a register, and say what it shows")
    resolution_kwh: Annotated[float, Field(ge=0.000001, le=1000)] = Field(
        0.001, description="with --counter: the last digit of the register"
    )
    rollover_kwh: Kwh = Field(100_000.0, description="with --counter: where it begins anew at 0")
    register_kwh: Annotated[float, Field(ge=0)] = Field(
        0.0, description="with --counter: what it shows at first"
    )
    fault: Annotated[list[str], AfterValidator(check_faults)] = Field(
        [],
        description="put a fault into readings: duplicate=1% or clock-jump=0.5%,by=-1h,length=4; may be "
        "given again. docs/simulator.md lists them",
    )
    seed: int | None = Field(None, description="for the same readings at every run")
    time_zone: Zone = Field("Europe/Berlin", description="whose clocks people live by")

    @model_validator(mode="after")
    def _check_register(self) -> Self:
        if self.counter and not self.resolution_kwh * 10 <= self.rollover_kwh > self.register_kwh:
            raise ValueError("--rollover-kwh must be above --register-kwh and ten times --resolution-kwh")
        if wrong := fault_conflict(self.faults, has_counter=self.counter):
            raise ValueError(wrong)
        return self

    @property
    def faults(self) -> tuple[InjectedFault, ...]:
        """The faults."""
        return tuple(map(read_fault, self.fault))

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)


class LoadSettings(PlaceSettings):
    """What meters measure, and when."""

    count: Annotated[int, Field(ge=1, le=MAX_SENSORS_PER_NODE)] = Field(1, description="meters on this node")
    interval: Interval = Field(
        "2s", validate_default=True, description="time between two readings of a meter"
    )
    profile: ProfileName = Field("lari", description=f"what the meters measure: {', '.join(PROFILES)}")
    yearly_kwh: Kwh | None = Field(
        None, description="how much that is in a year; default: what is usual for the profile"
    )
    holidays: Holidays = Field("DE", description="country of the public holidays: DE, DE-BY, US-CA; none")
    first: LocalTime | None = Field(
        None,
        alias="from",
        description="begin in the past, at this date or time; --time-zone's unless it has an offset",
    )
    end: LocalTime | None = Field(None, alias="to", description="end there; without it, go on live")
    speed: Speed | None = Field(
        None, description="simulated seconds a second, or max; from 1 January on unless --from is given"
    )
    readings: Annotated[int, Field(ge=1)] | None = Field(
        None, description="stop after that many, all meters together, once they are confirmed"
    )

    @model_validator(mode="after")
    def _check_simulated(self) -> Self:
        if wrong := yearly_kwh_error(self.profile, self.yearly_kwh):
            raise ValueError(f"--yearly-kwh does not fit --profile: {wrong}")
        if self.end is not None and self.begin is None:
            raise ValueError("--to needs --from")
        if self.end is not None and self.begin is not None and self.local(self.end) <= self.begin:
            raise ValueError("--to must be later than --from")
        return self

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        count_up(self.sensor_id or FIRST_SENSOR, self.count)
        return self

    @property
    def begin(self) -> datetime | None:
        """When simulated time begins; None for live."""
        if self.first is not None:
            return self.local(self.first)
        if self.speed is not None:
            return self.local(datetime(datetime.now(self.zone).year, 1, 1))  # noqa: DTZ001 - made local
        return None

    def local(self, moment: datetime) -> datetime:
        """A time with an offset, in the time zone if it has none."""
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)

    @property
    def surroundings(self) -> Surroundings:
        """Where the meters are."""
        return Surroundings(self.zone, self.holidays)


class SensorNodeSettings(TransportSettings, LoadSettings):
    """Run simulated electricity meters that publish their readings.

    Other commands: sensor-node run, check, preview and replay; each has --help.

    Example: sensor-node --sensor-id Sensor-LARI-07 --location "Room 7"
    Example: sensor-node --profile household --yearly-kwh 3500 --interval 15m
             --from 2026-01-01 --to 2026-03-31 --seed 7
    """
