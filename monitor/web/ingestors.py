"""What ingestors report: their retained states with their counters, from the live topics."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, NoReturn

from mqtt5 import PublishPacket
from pydantic import ValidationError

from broker.address import MqttAddress
from broker.connection import Connection
from broker.errors import BrokerRejectedError
from broker.messages import IngestorStatus
from broker.supervisor import ConnectionSupervisor
from broker.topics import Topics
from ingestor.documents import utc_now

RETRY_S = 30.0
MAX_INGESTORS = 1000

logger = logging.getLogger(__name__)


class IngestorReport(NamedTuple):
    """The last report of an ingestor, and when it came (UTC, naive)."""

    status: IngestorStatus
    received_at: datetime

    @property
    def since(self) -> datetime | None:
        """When the ingestor started, if known (UTC, naive)."""
        since = self.status.since
        return None if since is None else since.astimezone(UTC).replace(tzinfo=None)

    @property
    def imbalance(self) -> int | None:
        """Readings not accounted for: 0 if its counters balance, None if it has reported none."""
        status = self.status
        if status.received is None:
            return None
        settled = (status.stored, status.duplicates, status.rejected, status.pending)
        return status.received - sum(each or 0 for each in settled)


class IngestorListener:
    """Listens to the reports of all ingestors.

    Attributes:
        reports: The last report of each, by its name.
        error: Why the broker cannot be reached, without a full stop; None if it can.
    """

    def __init__(self, mqtt_url: str, topics: Topics) -> None:
        self.reports: dict[str, IngestorReport] = {}
        self.error: str | None = "the broker does not answer yet"
        self._address = MqttAddress.parse(mqtt_url)
        self._pattern = topics.ingestors("+")
        self._inbox: asyncio.Queue[PublishPacket] = asyncio.Queue()

    @property
    def threshold_kwh(self) -> float | None:
        """The threshold that an ingestor reports for sensors without their own, kWh; None if none does."""
        thresholds = (each.status.threshold_kwh for each in self.reports.values())
        return next((each for each in thresholds if each is not None), None)

    async def listen(self) -> NoReturn:
        """Listen until cancelled; a broker that is not reachable or rejects is tried again and again."""
        name = f"monitor-{secrets.token_hex(8)}"
        supervisor = ConnectionSupervisor(self._address, name, self._receive)
        while True:
            try:
                await supervisor.run(self._use, asyncio.Event())
            except BrokerRejectedError as error:
                self.error = str(error)
                logger.warning("%s; trying again every %g s.", error, RETRY_S)
                await asyncio.sleep(RETRY_S)

    async def _use(self, connection: Connection) -> bool:
        # What an earlier connection received cannot be acknowledged on this one.
        self._inbox = asyncio.Queue()
        try:
            await connection.add_subscription(self._pattern, retained=True)
            self.error = None
            while True:
                packet = await self._inbox.get()
                self._store(packet)
                if packet.packet_id is not None:
                    await connection.puback_many([packet.packet_id])
        finally:
            self.error = f"the broker at {self._address} does not answer; trying until it does"

    def _receive(self, _: Connection, packets: Sequence[PublishPacket]) -> None:
        for packet in packets:
            self._inbox.put_nowait(packet)

    def _store(self, packet: PublishPacket) -> None:
        name = packet.topic.rsplit("/", 1)[-1]
        if not packet.payload:
            self.reports.pop(name, None)
            return
        try:
            status = IngestorStatus.model_validate_json(packet.payload)
        except ValidationError:
            return
        if name in self.reports or len(self.reports) < MAX_INGESTORS:
            self.reports[name] = IngestorReport(status, utc_now())
