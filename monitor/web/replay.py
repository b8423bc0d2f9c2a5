"""Send a repaired payload as the sensor itself would, and wait until it is stored or rejected."""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence

from mqtt5 import PublishPacket
from pydantic import TypeAdapter, ValidationError

from broker.address import MqttAddress
from broker.connection import Connection, OutgoingMessage
from broker.errors import BrokerLostError, BrokerRejectedError
from broker.messages import (
    MAX_PAYLOAD_BYTES,
    MAX_READINGS_PER_PAYLOAD,
    Reading,
    RejectionNotice,
    format_timestamp,
)
from broker.program.validation_errors import first_error
from broker.supervisor import ConnectionSupervisor
from broker.topics import SensorKey
from ingestor.documents import measure_id
from monitor.queries.database import QueryError
from monitor.queries.readings import ReadingQueries
from monitor.web.dependencies import Dependencies
from monitor.web.widgets.dialog import ActionError

ANSWER_WITHIN_S = 10.0
POLL_EVERY_S = 0.2
_readings = TypeAdapter(Reading | list[Reading])


async def replay(deps: Dependencies, topic: str, payload: str) -> str:
    """Send a payload on the topic on which it came first, and say what came of it.

    Raises:
        ActionError: It is no valid reading, or it was rejected again, or there is no answer.
    """
    address, topics = MqttAddress.parse(deps.mqtt_url), deps.topics
    key = topics.sensor_key(topic)
    expected = _check(payload, key)
    rejections: list[RejectionNotice] = []

    def on_messages(_: Connection, packets: Sequence[PublishPacket]) -> None:
        for packet in packets:
            with contextlib.suppress(ValidationError):
                rejections.append(RejectionNotice.model_validate_json(packet.payload or b""))

    async def send(connection: Connection) -> str:
        await connection.add_subscription(topics.rejected(key), retained=False)
        await connection.publish_many([OutgoingMessage(topics.readings(*key), payload.encode())])
        if connection.no_subscribers:
            raise ActionError("no ingestor is running; try again when one is")
        return await _wait_until_stored(deps.readings, expected, rejections)

    supervisor = ConnectionSupervisor(address, f"monitor-{secrets.token_hex(8)}", on_messages)
    try:
        async with supervisor.new_connection() as connection:
            return await connection.run(send(connection))
    except BrokerRejectedError as error:
        allow = "the MQTT URL must be that of the user operator"
        raise ActionError(f"the broker does not allow this ({error}); {allow}") from error
    except BrokerLostError as error:
        raise ActionError(f"the broker at {address} does not answer ({error})") from error


async def _wait_until_stored(
    readings: ReadingQueries, expected: dict[str, float], rejections: list[RejectionNotice]
) -> str:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while await readings.values(list(expected)) != expected:
                if rejections:
                    raise ActionError(f"Rejected again: {rejections[0].reason}")
                await asyncio.sleep(POLL_EVERY_S)
    except TimeoutError:
        late = f"not stored within {ANSWER_WITHIN_S:g} s; if the ingestor is busy, it will be"
        raise ActionError(late) from None
    except QueryError as error:
        raise ActionError(f"{error}; the payload was sent, whether it is stored is not known") from error
    return "The reading is stored." if len(expected) == 1 else f"All {len(expected)} readings are stored."


def _check(payload: str, key: SensorKey) -> dict[str, float]:
    """The values of the readings in a payload by their ids, kWh."""
    if len(payload.encode()) > MAX_PAYLOAD_BYTES:
        raise ActionError("The payload is too long: at most 64 KiB are allowed.")
    try:
        given = _readings.validate_json(payload)
    except ValidationError as error:
        first = first_error(error)
        where = " ".join(str(each) for each in first["loc"] if each not in {"Reading", "list[Reading]"})
        raise ActionError(f"Not a valid reading: {where or 'payload'}: {first['msg']}.") from error
    found = given if isinstance(given, list) else [given]
    if not 0 < len(found) <= MAX_READINGS_PER_PAYLOAD:
        raise ActionError(f"A payload holds 1 to {MAX_READINGS_PER_PAYLOAD:,} readings.")
    if any(each.sensor_id != key.name for each in found):
        raise ActionError(f"The payload must name the sensor of its topic, {key.name}.")
    return {measure_id(each.sensor_id, format_timestamp(each.timestamp)): each.value_kwh for each in found}
