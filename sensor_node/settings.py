"""Settings of a sensor node, from the command line or the environment."""

from datetime import datetime
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from broker.messages import MAX_SENSORS_PER_NODE
from broker.settings import ProcessSettings
from broker.topics import SensorId, SiteId
from sensor_node.faults.fault import InjectedFault, fault_conflict
from sensor_node.faults.fault_option import check_faults, read_fault
from sensor_node.meter.sensor_ids import count_up
from sensor_node.outbox.settings import TransportSettings
from sensor_node.profiles import PROFILES, Surroundings, yearly_kwh_error
from sensor_node.setting_types import Holidays, Interval, Kwh, LocalTime, Location, ProfileName, Speed, Zone

FIRST_SENSOR = "Sensor-LARI-01"


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
