"""The outer loop around a connection: when one ends, the whole client is thrown away and a new one made.

aiomqtt's own reconnection is not used: after a reset its tasks may be dead and its iterator wait for ever.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mqtt5 import DisconnectReasonCode, PublishPacket, QoS, Will

from broker.address import MqttAddress, client_id
from broker.connection import Connection, OutgoingMessage
from broker.errors import BrokerError, BrokerLostError, BrokerRejectedError
from broker.program.backoff import Backoff

KEEP_ALIVE_S = 20
STEADY_S = 10.0
# The broker drops what is larger, for this client only and in silence. So this is more than it takes from
# others: packets of 128 KiB, in which an alias may stand for a topic of up to 64 KiB.
MAX_PACKET_BYTES = 256 * 1024
# So many short connections within so many seconds look like another process of the same name.
TAKEOVER_ENDS = 4
TAKEOVER_WITHIN_S = 60.0

logger = logging.getLogger(__name__)
# The supervisor logs each outage once.
aiomqtt_logger = logging.getLogger("broker.aiomqtt")
aiomqtt_logger.setLevel(logging.CRITICAL + 1)


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(frozen=True, slots=True)
class ConnectionSupervisor:
    """Keeps one process connected to the broker.

    Args:
        name: The beginning of the client id; the same at every start.
        on_messages: Called with messages and the connection that brought them; must not wait.
        will: The Last Will, retained.
        takeover_hint: What to say when another process takes over the session.
        session_s: How long the broker keeps subscriptions and messages for this process while it is
            away, seconds. 0 starts afresh at every connection.
        receive_max: How many unacknowledged messages the broker may send.
        may_read: Not set while ``on_messages`` has no room for more.
    """

    address: MqttAddress
    name: str
    on_messages: Callable[[Connection, Sequence[PublishPacket]], None] = lambda *_: None
    will: OutgoingMessage | None = None
    takeover_hint: str = ""
    session_s: int = 0
    receive_max: int = 1000
    may_read: asyncio.Event = field(default_factory=_set_event)

    def new_connection(self) -> Connection:
        """Build a client for one connection; entering it connects."""
        connection = Connection(
            self.address,
            identifier=client_id(self.name, self.address),
            logger=aiomqtt_logger,
            clean_start=self.session_s == 0,
            session_expiry_interval=self.session_s,
            will=self.will
            and Will(self.will.topic, payload=self.will.payload, qos=QoS.AT_LEAST_ONCE, retain=True),
            keep_alive=KEEP_ALIVE_S,
            receive_max=self.receive_max,
            max_packet_size=MAX_PACKET_BYTES,
        )
        connection.may_read = self.may_read
        connection.on_messages = partial(self.on_messages, connection)
        return connection

    async def run(self, use: Callable[[Connection], Coroutine[Any, Any, bool]], stop: asyncio.Event) -> None:
        """Keep ``use`` running on a live connection until it is done; wait for a broker that is away.

        Args:
            use: Works with one connection and is cancelled when it is lost. Returns True when all
                is done, False for another connection at once.
            stop: Ends the waiting for a broker that is away.

        Raises:
            BrokerRejectedError: The broker does not accept the user at the first connection, or another
                process took over this one's place, or ``use`` raised it.
        """
        outages = _OutageLog(self.address, self.takeover_hint)
        while not stop.is_set():
            connection = self.new_connection()
            try:
                async with connection:
                    outages.connected()
                    if await connection.run(use(connection)):
                        return
                continue
            except BrokerRejectedError as error:
                if outages.connected_at is not None:
                    raise
                if not outages.was_connected:
                    raise BrokerRejectedError(self._authentication_error(error)) from error
                outages.rejected(self._authentication_error(error))
            except BrokerLostError as error:
                if connection.disconnect_reason is DisconnectReasonCode.SESSION_TAKEN_OVER:
                    raise BrokerRejectedError(self.takeover_hint) from error
                outages.failed(error)
            await outages.backoff.wait(stop)

    def _authentication_error(self, error: BrokerRejectedError) -> str:
        who = f"user {self.address.user}" if self.address.user else "somebody without a user"
        check = "check user and password in the MQTT URL"
        return f"the broker at {self.address} does not let {who} in ({error}); {check}"


class _OutageLog:
    """Remembers how the last attempts went: what to log, and how long to wait."""

    def __init__(self, address: MqttAddress, takeover_hint: str) -> None:
        self.was_connected = False
        self.connected_at: float | None = None
        self.backoff = Backoff()
        self._address = address
        self._takeover_hint = takeover_hint
        self._is_reported = False
        self._is_rejection_reported = False
        self._short_connections: deque[float] = deque(maxlen=TAKEOVER_ENDS)
        self._suspects_takeover = False

    def connected(self) -> None:
        if self._is_reported and not self._suspects_takeover:
            logger.warning("The broker at %s answers again.", self._address)
        self._is_reported, self._is_rejection_reported, self.was_connected = False, False, True
        self.connected_at = time.monotonic()

    def failed(self, reason: BrokerError) -> None:
        """Note a failure, and log the first of a row."""
        now = time.monotonic()
        steady = self.connected_at is not None and now - self.connected_at > STEADY_S
        if steady:
            self.backoff.reset()
            self._suspects_takeover = False
        elif self.connected_at is not None:
            self._suspect_takeover(now)
        if not self._is_reported and not self._suspects_takeover:
            logger.warning(
                "The broker at %s does not answer (%s); trying until it does.", self._address, reason
            )
        self._is_reported, self.connected_at = True, None

    def rejected(self, sentence: str) -> None:
        """Note that the broker no longer lets this user in, and log the first of a row."""
        if not self._is_rejection_reported:
            logger.warning("Now %s; trying until it does.", sentence)
        self._is_reported = self._is_rejection_reported = True

    def _suspect_takeover(self, now: float) -> None:
        """Mosquitto 2.0.11 gives no reason when it ends a connection in favour of a newer one."""
        self._short_connections.append(now)
        if not self._suspects_takeover and len(self._short_connections) == TAKEOVER_ENDS:
            self._suspects_takeover = now - self._short_connections[0] < TAKEOVER_WITHIN_S
            if self._suspects_takeover:
                logger.warning(
                    "The broker at %s ends the connection again and again. Perhaps %s.",
                    self._address,
                    self._takeover_hint,
                )
