"""Send a repaired payload as the sensor itself would, and wait until it is stored or rejected."""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence

from bson import ObjectId
from mqtt5 import PublishPacket
from pydantic import TypeAdapter, ValidationError

from broker.address import MqttAddress
from broker.client import BrokerLostError, BrokerRejectedError
from broker.connection import Connection, OutgoingMessage
from broker.messages import (
    MAX_PAYLOAD_BYTES,
    MAX_READINGS_PER_PAYLOAD,
    Reading,
    RejectionNotice,
    format_timestamp,
)
from broker.supervisor import ConnectionSupervisor
from broker.topics import SensorKey, Topics
from ingestor.documents import measure_id
from monitor.queries.database import QueryError
from monitor.queries.readings import ReadingQueries
from monitor.queries.rejected import RejectedQueries

ANSWER_WITHIN_S = 10.0
POLL_EVERY_S = 0.2
_readings = TypeAdapter(Reading | list[Reading])


class ReplayError(Exception):
    """Raised when a payload was not stored; says why."""


class Replay:
    """Sends one payload.

    Args:
        mqtt_url: The broker, with a user who may publish readings.
        topic_root: First topic level(s).
        readings: Where it is looked for.
    """

    def __init__(self, mqtt_url: str, topic_root: str, readings: ReadingQueries) -> None:
        self._address = MqttAddress.parse(mqtt_url)
        self._topics = Topics(topic_root)
        self._stored = readings
        self._rejections: list[RejectionNotice] = []

    async def send(self, topic: str, payload: str) -> str:
        """Send a payload on the topic on which it came first.

        Returns:
            The result, in one sentence.

        Raises:
            ReplayError: It is no valid reading, or it was rejected again, or there is no answer.
        """
        place = self._topics.sensor_key(topic)
        found = _check(payload, place)
        name = f"monitor-{secrets.token_hex(8)}"
        link = ConnectionSupervisor(
            self._address, name, self._deliver, OutgoingMessage("health/monitor", b""), takeover_hint=""
        )
        try:
            async with link.new_connection() as connection:
                return await connection.run(self._send(connection, place, payload, found)) or ""
        except BrokerRejectedError as error:
            allow = "the MQTT URL must be that of the user operator"
            raise ReplayError(f"the broker does not allow this ({error}); {allow}") from error
        except BrokerLostError as error:
            raise ReplayError(f"the broker at {self._address} does not answer ({error})") from error

    async def mark(self, rejected: RejectedQueries, name: ObjectId) -> None:
        """Mark the rejected payload as sent again; if that fails, nothing else is lost."""
        with contextlib.suppress(QueryError):
            await rejected.mark_replayed(name)

    def _deliver(self, _: Connection, packets: Sequence[PublishPacket]) -> None:
        for packet in packets:
            with contextlib.suppress(ValidationError):
                self._rejections.append(RejectionNotice.model_validate_json(packet.payload or b""))

    async def _send(
        self, connection: Connection, place: SensorKey, payload: str, found: dict[str, float]
    ) -> str:
        await connection.add_subscription(self._topics.rejected(place), retained=False)
        before = connection.no_subscribers
        await connection.publish_many([OutgoingMessage(self._topics.readings(*place), payload.encode())])
        if connection.no_subscribers > before:
            raise ReplayError("no ingestor is running; try again when one is")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                while not await self._are_stored(found):
                    if self._rejections:
                        raise ReplayError(f"Rejected again: {self._rejections[0].reason}")
                    await asyncio.sleep(POLL_EVERY_S)
                count = len(found)
                return "The reading is stored." if count == 1 else f"All {count} readings are stored."
        raise ReplayError(f"not stored within {ANSWER_WITHIN_S:g} s; if the ingestor is busy, it will be")

    async def _are_stored(self, found: dict[str, float]) -> bool:
        try:
            stored = await self._stored.values(list(found))
        except QueryError as error:
            raise ReplayError(f"{error}; the payload was sent, whether it is stored is not known") from error
        return stored == found


def _check(payload: str, place: SensorKey) -> dict[str, float]:
    if len(payload.encode()) > MAX_PAYLOAD_BYTES:
        raise ReplayError("The payload is too long: at most 64 KiB are allowed.")
    try:
        given = _readings.validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = " ".join(str(each) for each in first["loc"] if each not in {"Reading", "list[Reading]"})
        raise ReplayError(f"Not a valid reading: {where or 'payload'}: {first['msg']}.") from error
    found = given if isinstance(given, list) else [given]
    if not 0 < len(found) <= MAX_READINGS_PER_PAYLOAD:
        raise ReplayError(f"A payload holds 1 to {MAX_READINGS_PER_PAYLOAD:,} readings.")
    if any(each.sensor_id != place.name for each in found):
        raise ReplayError(f"The payload must name the sensor of its topic, {place.name}.")
    return {measure_id(each.sensor_id, format_timestamp(each.timestamp)): each.value_kwh for each in found}
