"""Which sensors there are, and what people set of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from ingestor.documents import SensorDocument
from monitor.queries.database import Database


class SensorQueries:
    """What is known of each sensor. All methods raise QueryError when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, sites: Sequence[str] = ()) -> list[SensorDocument]:
        """All sensors, of some sites or of all if none is named, sorted by their names."""
        wanted = {"site": {"$in": list(sites)}} if sites else {}
        return await self._database.find("sensors", wanted, sort=[("sensor_id", 1)])

    async def page(self, sites: Sequence[str], limit: int, after: str = "") -> list[SensorDocument]:
        """Sensors, of some sites or of all if none is named, sorted by their names.

        Args:
            sites: The sites.
            limit: How many at most.
            after: The name of the last one of the page before.
        """
        wanted: dict[str, Any] = {"sensor_id": {"$gt": after}}
        if sites:
            wanted["site"] = {"$in": list(sites)}
        return await self._database.find("sensors", wanted, sort=[("sensor_id", 1)], limit=limit)

    async def one(self, sensor_id: str) -> SensorDocument | None:
        """One sensor; None if it is not known."""
        found: SensorDocument | None = await self._database.find_one("sensors", {"sensor_id": sensor_id})
        return found

    async def change(self, sensor_id: str, changes: Mapping[str, object]) -> bool:
        """Set fields of a sensor, or take away those that are None.

        Args:
            sensor_id: The sensor.
            changes: ``own_location``, ``threshold_kwh``, ``site`` and ``moved_at``, as far as they change.

        Returns:
            Whether the sensor is known.

        Raises:
            QueryError: The database does not answer, or does not allow it.
        """
        kept = {name: value for name, value in changes.items() if value is not None}
        dropped = {name: "" for name, value in changes.items() if value is None}
        update: dict[str, Any] = {
            operator: fields for operator, fields in (("$set", kept), ("$unset", dropped)) if fields
        }
        return await self._database.update_one("sensors", {"sensor_id": sensor_id}, update)
