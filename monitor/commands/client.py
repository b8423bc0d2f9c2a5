"""Send commands to the ingestor, and wait for its answers."""

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
from broker.connection import Connection, OutgoingMessage
from broker.errors import BrokerLostError, BrokerRejectedError
from broker.messages import RejectionNotice
from broker.supervisor import ConnectionSupervisor
from broker.topics import SensorKey, Topics

ANSWER_WITHIN_S = 10.0
NO_SUBSCRIBERS = "no ingestor is running, so the command was dropped; try again when one runs"
NO_ANSWER = f"no ingestor answered within {ANSWER_WITHIN_S:g} s; the broker keeps the command until one runs"


class CommandError(Exception):
    """Raised when commands cannot be sent; says why."""


class CommandResult(NamedTuple):
    """Whether the ingestor executed a command, and a sentence about it for people."""

    executed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class AlarmCommand:
    """One command about a sensor.

    Attributes:
        subject: What it is about, for messages.
        read_answer: Says what is so now, if a state is the answer; None if it tells of something else.
    """

    sensor_key: SensorKey
    command: Acknowledge | Shelve
    subject: str
    read_answer: Callable[[AlarmState], str | None]


class CommandClient:
    """Sends commands over a connection of its own, one after the other.

    Args:
        mqtt_url: The broker, with a user who may send commands.
        topic_root: First topic level(s).
        on_result: Called with what came of each command.
    """

    def __init__(self, mqtt_url: str, topic_root: str, on_result: Callable[[CommandResult], None]) -> None:
        self.on_result = on_result
        self._address = MqttAddress.parse(mqtt_url)
        self._topics = Topics(topic_root)
        self._inbox: asyncio.Queue[PublishPacket] = asyncio.Queue()

    async def send(self, commands: Sequence[AlarmCommand]) -> None:
        """Send commands.

        Raises:
            CommandError: The broker does not answer, or does not allow it.
        """
        # Two people at once are two clients: with one name, the later would disconnect the earlier.
        name = f"monitor-{secrets.token_hex(8)}"
        supervisor = ConnectionSupervisor(
            self._address, name, self._deliver, OutgoingMessage("health/monitor", b""), takeover_hint=""
        )
        try:
            async with supervisor.new_connection() as connection:
                await self._run(connection, commands)
        except BrokerRejectedError as error:
            who = f"user {self._address.user}" if self._address.user else "anonymous clients"
            check = "check user and password in the MQTT URL"
            raise CommandError(f"the broker at {self._address} rejects {who} ({error}); {check}") from error
        except BrokerLostError as error:
            raise CommandError(f"the broker at {self._address} does not answer ({error})") from error

    async def _run(self, connection: Connection, commands: Sequence[AlarmCommand]) -> None:
        try:
            await connection.run(self._send_all(connection, commands))
        except BrokerRejectedError as error:
            raise CommandError(f"{error}; use the MQTT URL of the user operator") from error
        except BrokerLostError as error:
            lost = f"the broker at {self._address} is lost ({error})"
            raise CommandError(f"{lost}; `monitor alarms` shows whether the command was executed") from error

    def _deliver(self, _: Connection, packets: Sequence[PublishPacket]) -> None:
        for packet in packets:
            self._inbox.put_nowait(packet)

    async def _send_all(self, connection: Connection, commands: Sequence[AlarmCommand]) -> None:
        for key in dict.fromkeys(command.sensor_key for command in commands):
            # Without the retained state, which is from before the command and no answer to it.
            await connection.add_subscription(self._topics.alarms(*key), retained=False)
            await connection.add_subscription(self._topics.rejected(key), retained=False)
        silent_sites: set[str] = set()
        for command in commands:
            key, unheard = command.sensor_key, connection.no_subscribers
            payload = command.command.model_dump_json(exclude_none=True).encode()
            await connection.publish_many([OutgoingMessage(self._topics.commands(*key), payload)])
            if connection.no_subscribers > unheard:
                self.on_result(CommandResult(False, f"{command.subject}: {NO_SUBSCRIBERS}"))
                continue
            # An ingestor that did not answer one will hardly answer the next: they wait for it once.
            answer = None if key.site in silent_sites else await self._answer(connection, command)
            if answer is None:
                silent_sites.add(key.site)
            self.on_result(answer or CommandResult(False, f"{command.subject}: {NO_ANSWER}"))

    async def _answer(self, connection: Connection, command: AlarmCommand) -> CommandResult | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                while True:
                    packet = await self._inbox.get()
                    if packet.packet_id is not None:
                        await connection.puback_many([packet.packet_id])
                    if result := self._read(packet, command):
                        return result
        return None

    def _read(self, packet: PublishPacket, command: AlarmCommand) -> CommandResult | None:
        """What a message says of a command; None if it is about something else."""
        with contextlib.suppress(ValidationError):
            if packet.topic == self._topics.alarms(*command.sensor_key):
                sentence = command.read_answer(AlarmState.model_validate_json(packet.payload or b""))
                return CommandResult(True, sentence) if sentence else None
            if packet.topic == self._topics.rejected(command.sensor_key):
                notice = RejectionNotice.model_validate_json(packet.payload or b"")
                if notice.kind == "command":
                    return CommandResult(False, f"{command.subject}: {notice.reason}")
        return None
