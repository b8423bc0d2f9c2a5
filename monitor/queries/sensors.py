"""Which sensors there are, and what people set of them."""

import difflib
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

from broker.topics import SiteId
from ingestor.documents import SensorDocument, utc_now
from monitor.queries.database import Queries, QueryError, at_sites

MAX_LOCATION = 200


def check_location(text: str | None) -> str | None:
    """Let a location pass that people can read; an empty one is none."""
    text = (text or "").strip()
    if len(text) > MAX_LOCATION:
        raise ValueError(f"a location has at most {MAX_LOCATION} characters")
    if not text.isprintable():
        raise ValueError("a location has printable characters only")
    return text or None


def check_threshold(kwh: float | None) -> float | None:
    """Let a threshold pass that a reading can exceed."""
    if kwh is None:
        return None
    if not (isfinite(kwh) and kwh >= 0):
        raise ValueError("a threshold is 0 kWh or more")
    return kwh + 0.0  # turns -0.0 into 0.0


Location = Annotated[str | None, AfterValidator(check_location)]
Threshold = Annotated[float | None, AfterValidator(check_threshold)]


class SensorChange(BaseModel):
    """What people set of a sensor: a field that is not given stays as it is, None removes it."""

    model_config = ConfigDict(frozen=True)

    own_location: Location = None
    threshold_kwh: Threshold = None
    site: SiteId | None = None


class UnknownSensorError(QueryError):
    """Raised when there is no sensor of this name; names the nearest that there is."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, list(known), n=1)
        hint = f"did you mean {near[0]}?" if near else "it appears with its first reading"
        super().__init__(f"unknown sensor {name}; {hint}")


class SensorQueries(Queries):
    """What is known of each sensor."""

    async def all(self, sites: Sequence[str] = ()) -> list[SensorDocument]:
        """All sensors, of some sites or of all if none is named, sorted by their names."""
        return await self._database.find("sensors", at_sites(sites), sort=[("sensor_id", 1)])

    async def page(self, sites: Sequence[str], limit: int, after: str = "") -> list[SensorDocument]:
        """The same after the name of the last one of the page before, and no more than ``limit``."""
        wanted = {"sensor_id": {"$gt": after}, **at_sites(sites)}
        return await self._database.find("sensors", wanted, sort=[("sensor_id", 1)], limit=limit)

    async def one(self, sensor_id: str) -> SensorDocument | None:
        """One sensor; None if it is not known."""
        return next(iter(await self._database.find("sensors", {"sensor_id": sensor_id}, limit=1)), None)

    async def unknown(self, sensor_id: str) -> UnknownSensorError:
        """Why a sensor is not found."""
        return UnknownSensorError(sensor_id, [each["sensor_id"] for each in await self.all()])

    async def change(self, sensor_id: str, change: SensorChange) -> None:
        """Set fields of a sensor, and remove those that are None; takes the user ``operator``."""
        fields = change.model_dump(exclude_unset=True)
        if change.site is not None:
            fields["moved_at"] = utc_now()
        update: dict[str, Any] = {}
        for name, value in fields.items():
            update.setdefault("$unset" if value is None else "$set", {})[name] = value
        if not await self._database.update_one("sensors", {"sensor_id": sensor_id}, update):
            raise await self.unknown(sensor_id)
