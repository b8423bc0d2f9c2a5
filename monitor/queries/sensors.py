"""Which sensors there are, and what people set of them."""

from collections.abc import Sequence
from typing import Any, cast

from pymongo.errors import OperationFailure

from ingestor.documents import SensorDocument
from monitor.queries.database import Database, QueryError, querying


class SensorQueries:
    """What is known of each sensor. Changing it takes the database's user ``operator``."""

    def __init__(self, database: Database) -> None:
        self._sensors = database["sensors"]

    async def all(self, sites: list[str] | None = None) -> list[SensorDocument]:
        """All sensors, of some sites or of all, sorted by their names.

        Raises:
            QueryError: The database does not answer.
        """
        wanted = {"site": {"$in": sites}} if sites else {}
        with querying():
            return [
                cast("SensorDocument", each) async for each in self._sensors.find(wanted).sort("sensor_id")
            ]

    async def page(self, sites: Sequence[str], limit: int, after: str = "") -> list[SensorDocument]:
        """Sensors, of some sites or of all if none is named, sorted by their names.

        Args:
            sites: The sites.
            limit: How many at most.
            after: The name of the last one of the page before.

        Raises:
            QueryError: The database does not answer.
        """
        wanted: dict[str, Any] = {"sensor_id": {"$gt": after}}
        if sites:
            wanted["site"] = {"$in": list(sites)}
        found = self._sensors.find(wanted).sort("sensor_id", 1).limit(limit)
        with querying():
            return cast("list[SensorDocument]", await found.to_list(limit))

    async def one(self, sensor_id: str) -> SensorDocument | None:
        """One sensor; None if nobody knows it.

        Raises:
            QueryError: The database does not answer.
        """
        with querying():
            return cast("SensorDocument | None", await self._sensors.find_one({"sensor_id": sensor_id}))

    async def change(self, sensor_id: str, changes: dict[str, object]) -> bool:
        """Set fields of a sensor, or take away those that are None.

        Args:
            sensor_id: The sensor.
            changes: ``own_location`` and ``threshold_kwh``, as far as they are to change.

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
        try:
            with querying():
                return bool((await self._sensors.update_one({"sensor_id": sensor_id}, update)).matched_count)
        except QueryError as error:
            if isinstance(error.__cause__, OperationFailure):
                raise QueryError(
                    "the database does not allow this; use the MongoDB URL of the user operator"
                ) from error
            raise
