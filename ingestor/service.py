"""One running ingestor: its tasks, and its orderly end."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Coroutine, Mapping
from typing import Any

from broker.address import MqttAddress
from broker.connection import Connection, OutgoingMessage
from broker.errors import BrokerError
from broker.messages import IngestorStatus
from broker.program.process import repeat_every
from broker.supervisor import ConnectionSupervisor
from broker.topics import Topics
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.service import AlarmService
from ingestor.alert.alert_publisher import AlertPublisher
from ingestor.batch_reader import BATCH_READINGS, BatchReader
from ingestor.confirm import Receipts
from ingestor.counters import Counters
from ingestor.flag import Thresholds
from ingestor.flow_control.deferral import Deferral
from ingestor.flow_control.quarantine import Quarantine
from ingestor.nodes import Nodes
from ingestor.pipeline import Pipeline
from ingestor.receive.authorization import NEW_PER_S, Authorization
from ingestor.receive.inbox import Inbox
from ingestor.receive.register import Register
from ingestor.receive.token_bucket import TokenBuckets
from ingestor.settings import IngestorSettings
from ingestor.status import IngestorState
from ingestor.store.deferred_records import DeferredRecords
from ingestor.store.reading_store import ReadingStore
from ingestor.store.rollups import Rollups
from ingestor.store.sensor_store import SensorStore
from ingestor.store.sensor_updates import SensorUpdates

SESSION_S = 7 * 24 * 3600
RECEIVE_MAX = 4 * BATCH_READINGS
CONFIRM_EVERY_S = 0.5
SENSORS_EVERY_S = 1.0
SENSORS_AT_ONCE = 500
SET_EVERY_S = 5.0
STATUS_EVERY_S = 5.0
REPORT_EVERY_S = 60.0

logger = logging.getLogger(__name__)


class Ingestor:
    """Builds the parts of one ingestor and runs them.

    Args:
        settings: What it was told.
        config: The rules of alarms.
        register: The sensors that are users of the broker.
        store: The open database.
        stop: Set from outside to end in order.
    """

    def __init__(
        self,
        settings: IngestorSettings,
        config: AlarmConfig,
        register: Register,
        store: ReadingStore,
        stop: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._store = store
        self._sensor_store = SensorStore(store)
        self._stop = stop
        self._topics = Topics(settings.topic_root)
        self._thresholds = Thresholds(settings.threshold_kwh)
        self._register = register
        self._sensor_updates = SensorUpdates(Nodes(register), register)
        self._rollups = Rollups(store, settings.name, self._sensor_updates)
        self._receipts = Receipts(self._topics)
        counters = Counters()
        self.state = IngestorState(counters, store, settings.threshold_kwh, self._sensor_updates)
        self._inbox = Inbox(self._topics, counters)
        readings = TokenBuckets(settings.sensor_rate, settings.sensor_quota)
        self._authorization = Authorization(readings, register, TokenBuckets(NEW_PER_S, settings.site_quota))
        self._alert_publisher = AlertPublisher(store, self._topics, counters, settings.sites)
        self._alarms = AlarmService(settings, config, store, self._thresholds, self._sensor_updates)
        deferral = Deferral(DeferredRecords(store, settings.name), counters, self._inbox.arrived)
        self._pipeline = Pipeline(
            inbox=self._inbox,
            reader=BatchReader(
                self._inbox, self._topics, self._thresholds, counters, self._authorization, deferral
            ),
            store=store,
            counters=counters,
            alert_publisher=self._alert_publisher,
            alarms=self._alarms,
            receipts=self._receipts,
            sensor_updates=self._sensor_updates,
            rollups=self._rollups,
            quarantine=Quarantine(store, settings.name),
        )

    async def run(self) -> None:
        """Run until told to stop.

        Raises:
            BrokerRejectedError: The broker does not take this user.
            StoreRejectedError: The database does not take this user.
        """
        supervisor = ConnectionSupervisor(
            MqttAddress.parse(self._settings.mqtt_url),
            name=f"ingestor-{self._settings.name}",
            on_messages=self._inbox.put,
            will=self._status_message(IngestorStatus(state="offline")),
            takeover_hint=f"another ingestor runs as {self._settings.name}; give one of them another --name",
            session_s=SESSION_S,
            receive_max=RECEIVE_MAX,
            may_read=self._inbox.may_read,
        )
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._work(), name="ingestor.work"),
                group.create_task(self._alert_publisher.work(), name="ingestor.alerts"),
                group.create_task(self._alarms.work(), name="ingestor.alarms"),
                group.create_task(self._rollups.work(), name="ingestor.rollups"),
                group.create_task(
                    repeat_every(CONFIRM_EVERY_S, self._send_confirmations), name="ingestor.confirm"
                ),
                group.create_task(repeat_every(SET_EVERY_S, self._load_set), name="ingestor.set"),
                group.create_task(repeat_every(STATUS_EVERY_S, self._send_status), name="ingestor.status"),
                group.create_task(
                    repeat_every(SENSORS_EVERY_S, self._update_sensors), name="ingestor.sensors"
                ),
                group.create_task(self._register.follow(self._on_registered), name="ingestor.register"),
                group.create_task(self._report(), name="ingestor.report"),
            ]
            await supervisor.run(self._use, self._stop)
            await self._within_drain(self._finish())
            for task in tasks:
                task.cancel()

    async def _use(self, connection: Connection) -> bool:
        """Work with one connection until it is lost (raises), a new one is wanted, or all is done."""
        self.state.connection = connection
        try:
            # First of all: this also proves that the broker lets the user be an ingestor.
            await connection.publish_many([self._status_message(self.state.status())])
            self._alert_publisher.attach(connection)
            await self._subscribe(connection)
            self.state.is_subscribed = True
            self._alarms.attach(connection)
            await _first_of(self._stop.wait(), connection.redelivery_wanted.wait())
            if not self._stop.is_set():
                return False
            # Take in nothing new, finish what is in flight; the rest stays with the broker.
            self._inbox.close()
            await self._within_drain(self._farewell(connection))
            return True
        finally:
            self.state.connection = None
            self.state.is_subscribed = False
            self._alert_publisher.attach(None)
            self._alarms.attach(None)

    async def _farewell(self, connection: Connection) -> None:
        await self._pipeline.rest()
        await self._alert_publisher.rest()
        await self._alarms.outbox.wait_published()
        offline = self._status_message(IngestorStatus(state="offline"))
        await connection.publish_many([*self._receipts.due(everything=True), offline])

    async def _subscribe(self, connection: Connection) -> None:
        sites = self._settings.sites
        if "+" not in sites:
            # The session may remember a time when this ingestor served all sites.
            for topic in (self._topics.readings, self._topics.status, self._topics.commands):
                await connection.remove_subscription(topic("+", "+"))
        for site in sites:
            await connection.add_subscription(self._topics.readings(site, "+"))
            await connection.add_subscription(self._topics.status(site, "+"), retained=True)
            await connection.add_subscription(self._topics.commands(site, "+"))

    async def _work(self) -> None:
        await self._store.prepare()
        self._authorization.learn(set(), await self._sensor_store.sites(), self._topics.readings_prefix)
        await self._load_set()
        await self._alarms.load()
        await self._pipeline.work()

    async def _finish(self) -> None:
        """What can be done without a broker: store what is in flight, write down what is known."""
        await self._pipeline.rest()
        await self._update_sensors(None)
        await self._alarms.finish()
        await self._pipeline.finish()

    async def _within_drain(self, waiting: Awaitable[None]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain.total_seconds()):
                await waiting

    async def _load_set(self) -> None:
        """Take up what people set of sensors: thresholds, and sites."""
        # What was set for one sensor from the command line wins over the file.
        file_kwh, _ = self._alarms.manager.config.thresholds()
        self._thresholds.own_kwh = {**file_kwh, **await self._sensor_store.thresholds()}
        asked = self._authorization.lookups
        self._authorization.learn(asked, await self._sensor_store.sites(asked), self._topics.readings_prefix)

    def _on_registered(self, before: Mapping[str, str]) -> None:
        self._authorization.on_registered(before, self._topics.readings_prefix)

    async def _update_sensors(self, limit: int | None = SENSORS_AT_ONCE) -> None:
        if updates := self._sensor_updates.take(limit):
            await self._sensor_store.update(updates)
        self._sensor_updates.on_written()

    async def _send_confirmations(self) -> None:
        await self._send(self._receipts.due())

    async def _send_status(self) -> None:
        await self._send([self._status_message(self.state.status())])

    async def _report(self) -> None:
        """Say every minute what was done, if something was."""
        counters, before = self.state.counters, 0
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            if counters.received != before:
                before = counters.received
                logger.info("%s", counters)

    async def _send(self, messages: list[OutgoingMessage]) -> None:
        """Publish what need not arrive: it is said again."""
        if self.state.connection is not None and messages:
            with contextlib.suppress(BrokerError):
                await self.state.connection.publish_many(messages)

    def _status_message(self, status: IngestorStatus) -> OutgoingMessage:
        payload = status.model_dump_json(exclude_none=True).encode()
        return OutgoingMessage(self._topics.ingestors(self._settings.name), payload, retain=True)


async def _first_of(*waiting: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(each) for each in waiting]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
