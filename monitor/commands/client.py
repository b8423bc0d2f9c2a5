"""Give commands to the ingestor, and wait for what it makes of them."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mqtt5 import PublishPacket
from pydantic import ValidationError

from broker.address import MqttAddress
from broker.alarm_messages import Acknowledge, AlarmState, Shelve
from broker.client import BrokerLostError, BrokerRejectedError
from broker.connection import Connection, OutgoingMessage
from broker.messages import RejectionNotice
from broker.supervisor import ConnectionSupervisor
from broker.topics import SensorKey, Topics

ANSWER_WITHIN_S = 10.0
NO_SUBSCRIBERS = "no ingestor is running, so the command was dropped; try again when one runs"
NO_ANSWER = f"no ingestor answered within {ANSWER_WITHIN_S:g} s; the broker keeps the command until one runs"


class CommandError(Exception):
    """Raised when commands cannot be given; says why."""


class CommandResult(NamedTuple):
    """What came of one command.

    Attributes:
        executed: Whether the ingestor did what it was told.
        sentence: For people.
    """

    executed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class AlarmCommand:
    """One command.

    Attributes:
        place: Of which sensor.
        command: What is sent.
        subject: What it is about, for messages.
        read_answer: Says what is so now, if a state is the answer; None if it tells of something else.
    """

    place: SensorKey
    command: Acknowledge | Shelve
    subject: str
    read_answer: Callable[[AlarmState], str | None]


class CommandClient:
    """Gives commands over a connection of its own, one after the other.

    Args:
        mqtt_url: The broker, with a user who may give commands.
        topic_root: First topic level(s).
        on_result: Called with what came of each command.
    """

    def __init__(self, mqtt_url: str, topic_root: str, tell: Callable[[CommandResult], None]) -> None:
        self.on_result = tell
        self._address = MqttAddress.parse(mqtt_url)
        self._topics = Topics(topic_root)
        self._inbox: asyncio.Queue[PublishPacket] = asyncio.Queue()

    async def send(self, orders: Sequence[AlarmCommand]) -> None:
        """Give commands.

        Raises:
            CommandError: The broker does not answer, or does not allow it.
        """
        # Two people at once are two clients: of one name, the later would throw out the earlier.
        name = f"monitor-{secrets.token_hex(8)}"
        link = ConnectionSupervisor(
            self._address, name, self._deliver, OutgoingMessage("health/monitor", b""), takeover_hint=""
        )
        try:
            async with link.new_connection() as connection:
                await self._on(connection, orders)
        except BrokerRejectedError as error:
            raise CommandError(self._not_let_in(error)) from error
        except BrokerLostError as error:
            raise CommandError(f"the broker at {self._address} does not answer ({error})") from error

    def _not_let_in(self, error: BrokerRejectedError) -> str:
        who = f"user {self._address.user}" if self._address.user else "anonymous clients"
        check = "check user and password in the MQTT URL"
        return f"the broker at {self._address} rejects {who} ({error}); {check}"

    async def _on(self, connection: Connection, orders: Sequence[AlarmCommand]) -> None:
        try:
            await connection.run(self._give_all(connection, orders))
        except BrokerRejectedError as error:
            raise CommandError(f"{error}; use the MQTT URL of the user operator") from error
        except BrokerLostError as error:
            lost = f"the broker at {self._address} is lost ({error})"
            raise CommandError(f"{lost}; `monitor alarms` shows whether the command was executed") from error

    def _deliver(self, _: Connection, packets: Sequence[PublishPacket]) -> None:
        for packet in packets:
            self._inbox.put_nowait(packet)

    async def _give_all(self, connection: Connection, orders: Sequence[AlarmCommand]) -> None:
        for place in dict.fromkeys(order.place for order in orders):
            # Without the retained state, which is from before the command and no answer to it.
            await connection.add_subscription(self._topics.alarms(*place), retained=False)
            await connection.add_subscription(self._topics.rejected(place), retained=False)
        silent_sites: set[str] = set()
        for order in orders:
            unheard = connection.no_subscribers
            payload = order.command.model_dump_json(exclude_none=True).encode()
            await connection.publish_many([OutgoingMessage(self._topics.commands(*order.place), payload)])
            if connection.no_subscribers > unheard:
                self.on_result(CommandResult(False, f"{order.subject}: {NO_SUBSCRIBERS}"))
                continue
            # Who did not answer one will hardly answer the next: all are sent, but waited for once.
            is_silent = order.place.site in silent_sites
            answer = None if is_silent else await self._answer(connection, order)
            if answer is None:
                silent_sites.add(order.place.site)
            self.on_result(answer or CommandResult(False, f"{order.subject}: {NO_ANSWER}"))

    async def _answer(self, connection: Connection, order: AlarmCommand) -> CommandResult | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                while True:
                    packet = await self._inbox.get()
                    if packet.packet_id is not None:
                        await connection.puback_many([packet.packet_id])
                    if outcome := self._read(packet, order):
                        return outcome
        return None

    def _read(self, packet: PublishPacket, order: AlarmCommand) -> CommandResult | None:
        """What a message says of a command; None if it is about something else."""
        with contextlib.suppress(ValidationError):
            if packet.topic == self._topics.alarms(*order.place):
                sentence = order.read_answer(AlarmState.model_validate_json(packet.payload or b""))
                return CommandResult(True, sentence) if sentence else None
            if packet.topic == self._topics.rejected(order.place):
                refusal = RejectionNotice.model_validate_json(packet.payload or b"")
                if refusal.kind == "command":
                    return CommandResult(False, f"{order.subject}: {refusal.reason}")
        return None
