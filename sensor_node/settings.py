"""Settings of a sensor node, from the command line or the environment."""

import math
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from broker.messages import MAX_SENSORS_PER_NODE
from broker.program.settings import ProcessSettings
from broker.topics import SensorId, SiteId
from sensor_node.faults.fault import InjectedFault, check_faults, fault_conflict, read_fault
from sensor_node.meter.register import RegisterPlan
from sensor_node.outbox.settings import TransportSettings
from sensor_node.plan import (
    MetersPlan,
    NodePlan,
    PlanTimeline,
    SimulationPlan,
    count_up,
    meter_faults,
    node_faults,
)
from sensor_node.profiles import PROFILES, Surroundings, yearly_kwh_error
from sensor_node.setting_types import (
    Holidays,
    Interval,
    Kwh,
    LocalTime,
    Location,
    ProfileName,
    Resolution,
    Speed,
    Zone,
    to_utc,
)

FIRST_SENSOR = "Sensor-LARI-01"


class PlaceSettings(ProcessSettings):
    """Settings of meters and their site."""

    # Without this, `FROM` and `TO` would be environment variables.
    model_config = SettingsConfigDict(env_prefix_target="all")

    sensor_id: SensorId | None = Field(
        None,
        description=f"id of the first meter; further ones count up from it. Default: {FIRST_SENSOR}, or with "
        "an outbox folder the first id that no other node there uses",
    )
    location: Location = Field("LARI Research Lab", description="where the meters are, shown to people")
    site: SiteId = Field("lari", description="site of the meters")
    counter: bool = Field(False, description="meters have a register and report its reading")
    resolution_kwh: Resolution = Field(0.001, description="with --counter: resolution of the register in kWh")
    rollover_kwh: Kwh = Field(100_000.0, description="with --counter: reading at which it rolls over to 0")
    register_kwh: float = Field(0.0, ge=0, description="with --counter: its first reading")
    fault: Annotated[list[str], AfterValidator(check_faults)] = Field(
        [],
        description="inject a fault: duplicate=1% or clock-jump=0.5%,by=-1h,length=4; can be repeated. "
        "docs/simulator.md lists all faults",
    )
    seed: int | None = Field(None, description="random seed, for the same readings in every run")
    time_zone: Zone = Field("Europe/Berlin", validate_default=True, description="local time zone of the site")

    @model_validator(mode="after")
    def _check_register(self) -> Self:
        if self.counter and not self.resolution_kwh * 10 <= self.rollover_kwh > self.register_kwh:
            raise ValueError("--rollover-kwh must be above --register-kwh and ten times --resolution-kwh")
        if wrong := fault_conflict(self.faults, has_counter=self.counter):
            raise ValueError(wrong)
        return self

    @property
    def faults(self) -> tuple[InjectedFault, ...]:
        """The faults to inject."""
        return tuple(map(read_fault, self.fault))

    @property
    def register_plan(self) -> RegisterPlan | None:
        """The registers of the meters; None for meters without."""
        if not self.counter:
            return None
        return RegisterPlan(self.resolution_kwh, self.rollover_kwh, self.register_kwh)


class LoadSettings(PlaceSettings):
    """What meters measure, and when."""

    count: int = Field(1, ge=1, le=MAX_SENSORS_PER_NODE, description="meters on this node")
    interval: Interval = Field(
        "2s", validate_default=True, description="time between two readings of a meter"
    )
    profile: ProfileName = Field("lari", description=f"load profile of the meters: {', '.join(PROFILES)}")
    yearly_kwh: Kwh | None = Field(
        None, description="consumption per year in kWh (default: the usual one of the profile)"
    )
    holidays: Holidays = Field("DE", description="region of the public holidays: DE, DE-BY, US-CA; or none")
    first: LocalTime | None = Field(
        None,
        alias="from",
        description="simulate from this date or time on; local to --time-zone unless it has an offset",
    )
    end: LocalTime | None = Field(
        None, alias="to", description="simulate until then; without it, continue live"
    )
    speed: Speed | None = Field(
        None, description="simulated seconds per second, or max; starts at 1 January unless --from is given"
    )
    readings: int | None = Field(
        None,
        ge=1,
        description="stop after this many readings of all meters together, once they are confirmed",
    )

    @model_validator(mode="after")
    def _check_simulated(self) -> Self:
        if wrong := yearly_kwh_error(self.profile, self.yearly_kwh):
            raise ValueError(f"--yearly-kwh does not fit --profile: {wrong}")
        begin, end = self.timeline.begin, self.timeline.end
        if end is not None and begin is None:
            raise ValueError("--to needs --from")
        if end is not None and begin is not None and end <= begin:
            raise ValueError("--to must be later than --from")
        count_up(self.sensor_id or FIRST_SENSOR, self.count)
        return self

    @property
    def timeline(self) -> PlanTimeline:
        """When readings are made."""
        first, zone = self.first, self.time_zone
        if first is None and self.speed is not None:
            first = datetime(datetime.now(zone).year, 1, 1, tzinfo=zone)
        return PlanTimeline(
            to_utc(first, zone), to_utc(self.end, zone), self.speed or math.inf, limit=self.readings
        )


class SensorNodeSettings(TransportSettings, LoadSettings):
    """Run simulated electricity meters that publish their readings.

    Other commands: sensor-node run, check, preview and replay; each has --help.

    Example: sensor-node --sensor-id Sensor-LARI-07 --location "Room 7"
    Example: sensor-node --profile household --yearly-kwh 3500 --interval 15m
             --from 2026-01-01 --to 2026-03-31 --seed 7
    """

    def plan(self, sensor_id: str) -> SimulationPlan:
        """Make the plan of one node; ``sensor_id`` is its first meter."""
        yearly_kwh = None if self.yearly_kwh is None else (self.yearly_kwh, self.yearly_kwh)
        group = MetersPlan(
            count_up(sensor_id, self.count),
            self.location,
            self.interval,
            self.profile,
            yearly_kwh,
            self.register_plan,
            meter_faults(self.faults),
        )
        node = NodePlan(self.site, (group,), node_faults(self.faults))
        return SimulationPlan((node,), self.timeline, self.seed, Surroundings(self.time_zone, self.holidays))
