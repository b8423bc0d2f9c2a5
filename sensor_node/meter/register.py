"""The register of a meter: it counts up in steps and rolls over to zero."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from sensor_node.setting_types import Kwh, Resolution


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class RegisterPlan:
    """Properties of a register: its last digit, the value at which it returns to zero, its first reading."""

    resolution_kwh: Resolution = 0.001
    rollover_kwh: Kwh = 100_000.0
    start_kwh: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.resolution_kwh * 10 <= self.rollover_kwh > self.start_kwh:
            raise ValueError("rollover_kwh must be above start_kwh and at least ten times resolution_kwh")
        return self


class EnergyRegister:
    """Counts energy in whole steps; the remainder is kept for the next step."""

    def __init__(self, plan: RegisterPlan) -> None:
        self._resolution_kwh = plan.resolution_kwh
        self._span = round(plan.rollover_kwh / plan.resolution_kwh)
        self._steps = round(plan.start_kwh / plan.resolution_kwh) % self._span
        self._rest_kwh = 0.0
        self._seen = self._steps

    @property
    def shown_kwh(self) -> float:
        """The last reading of the register, kWh."""
        return round(self._seen * self._resolution_kwh, 9)

    def count(self, energy_kwh: float) -> None:
        """Add energy that was used."""
        whole, self._rest_kwh = divmod(self._rest_kwh + energy_kwh, self._resolution_kwh)
        self._steps = (self._steps + int(whole)) % self._span

    def reset(self) -> None:
        """Restart at zero, as a replaced meter does."""
        self._steps, self._rest_kwh = 0, 0.0

    def read(self, *, is_zero: bool = False) -> float:
        """Read the register, and return the difference from its previous reading, kWh.

        A negative difference is returned as it is, except after a rollover: the register was near its end
        before and is near zero now. ``is_zero`` makes it show zero this once.
        """
        now = 0 if is_zero else self._steps
        steps = now - self._seen
        if steps < 0 and self._seen > 0.9 * self._span and now < 0.1 * self._span:
            steps += self._span
        self._seen = now
        return round(steps * self._resolution_kwh, 9)
