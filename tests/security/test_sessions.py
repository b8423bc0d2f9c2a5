"""Other people's sessions, wills and retained messages."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest
from mqtt5 import PublishPacket

from broker.address import MqttAddress, client_id
from broker.connection import Connection, OutgoingMessage
from broker.errors import BrokerError, BrokerRejectedError
from broker.supervisor import ConnectionSupervisor
from tests.fault_points.broker import CLIENT_ID
from tests.security.world import World
from tests.servers import Wire, eventually

pytestmark = pytest.mark.integration

INGESTOR = "ingestor-ingestor"
GUESSES = ("ingestor", INGESTOR, f"{INGESTOR}-", "ingestor-0000000000000000")


def guessable(name: str, _address: MqttAddress) -> str:
    """What a client id would be without the digest of a password."""
    return name


@pytest.fixture
def guessable_ids() -> Iterator[None]:
    with CLIENT_ID.replace(guessable):
        yield


class Session:
    """A session that stays at the broker while its owner is away, as an ingestor's does."""

    def __init__(self, world: World) -> None:
        will = OutgoingMessage("energy/ingestors/ingestor", b"{}")
        address = MqttAddress.parse(world.url("ingestor"))
        self.link = ConnectionSupervisor(
            address, INGESTOR, self._deliver, will, takeover_hint="", session_s=600
        )
        self.heard: list[bytes] = []

    def _deliver(self, connection: Connection, packets: Sequence[PublishPacket]) -> None:
        self.heard += [each.payload for each in packets]
        ids = [each.packet_id or 0 for each in packets]
        asyncio.get_running_loop().create_task(connection.puback_many(ids))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Connection]:
        async with self.link.new_connection() as connection:
            yield connection


async def backlog_survives(world: World, *client_ids: str) -> bool:
    """Whether the ingestor finds its backlog when a sensor connected under some client ids meanwhile."""
    session = Session(world)
    async with session.open() as connection:
        await connection.add_subscription("energy/readings/a/+")
    async with world.wire("sensor-a1") as sensor:
        await sensor.publish("energy/readings/a/sensor-a1", b"waiting")
    for each in client_ids:
        with CLIENT_ID.replace(lambda _name, _address, own=each: own):
            async with world.wire("sensor-a2"):
                pass
    async with session.open() as connection:
        # In a session that was wiped it would not hear what comes now either.
        await connection.add_subscription("energy/readings/a/+")
        async with world.wire("sensor-a1") as sensor:
            await sensor.publish("energy/readings/a/sensor-a1", b"live")
        await eventually(lambda: b"live" in session.heard)
        return b"waiting" in session.heard


async def test_nobody_who_guesses_can_wipe_the_ingestors_backlog(world: World) -> None:
    assert await backlog_survives(world, *GUESSES)


async def test_with_an_id_that_can_be_guessed_it_is_wiped(open_world: World, guessable_ids: None) -> None:
    assert not await backlog_survives(open_world, *GUESSES)


def test_client_id_depends_on_the_password_and_does_not_show_it() -> None:
    one, other = (MqttAddress.parse(f"mqtt://ingestor:{word}@h") for word in ("one", "other"))
    assert client_id("x", one) != client_id("x", other)
    assert client_id("x", one) == client_id("x", MqttAddress.parse("mqtt://ingestor:one@elsewhere"))
    assert "one" not in client_id("x", one)


async def will_is_published(world: World, topic: str) -> bool:
    """Whether the last will of a sensor that goes without a word is heard on a topic."""
    address = MqttAddress.parse(world.url("sensor-a1"))
    link = ConnectionSupervisor(
        address, "victim", lambda *_: None, OutgoingMessage(topic, b"a last will"), takeover_hint=""
    )
    async with world.wire("viewer") as viewer:
        await viewer.listen("#", retained=False)
        # Leaving by an exception hangs up without a word: the broker speaks for it.
        with contextlib.suppress(ConnectionResetError):
            async with link.new_connection():
                raise ConnectionResetError
        # Before the broker lets it in again, it has spoken for the one that was there.
        async with link.new_connection():
            pass
        async with world.wire("ingestor") as ingestor:
            await ingestor.publish("energy/alerts/a/last", b"the end")
        await eventually(lambda: any(each.payload == b"the end" for each in viewer.messages))
        return any(each.payload == b"a last will" for each in viewer.messages)


WILLS = (
    "energy/alerts/a/sensor-a1",
    "energy/status/a/sensor-a2",
    "energy/ingestors/ingestor",
    "energy/stored/a/x",
)


@pytest.mark.parametrize("topic", WILLS)
async def test_last_will_goes_no_further_than_its_sender(world: World, topic: str) -> None:
    assert not await will_is_published(world, topic)


@pytest.mark.parametrize("topic", WILLS)
async def test_without_rights_a_last_will_would(open_world: World, topic: str) -> None:
    assert await will_is_published(open_world, topic)


async def test_own_status_as_last_will_is_heard(world: World) -> None:
    assert await will_is_published(world, "energy/status/a/sensor-a1")


async def keeps(world: World, topic: str, attack: bytes) -> bool:
    """Whether what the ingestor said stays retained when a sensor publishes something retained over it."""
    async with (
        world.wire("ingestor") as ingestor,
        world.wire("sensor-a1") as sensor,
        world.wire("viewer") as one,
    ):
        await ingestor.publish(topic, b"true", retain=True)
        with contextlib.suppress(BrokerRejectedError):
            await sensor.publish(topic, attack, retain=True)
        await one.listen(topic)
        # What is retained comes first.
        await ingestor.publish(topic, b"live")
        await eventually(lambda: any(each.payload == b"live" for each in one.messages))
        return [each.payload for each in one.messages] == [b"true", b"live"]


RETAINED = [
    (topic, attack)
    for topic in ("energy/alarms/a/sensor-a1", "energy/alarms/a", "energy/ingestors/one")
    for attack in (b"poison", b"")
]


@pytest.mark.parametrize(("topic", "attack"), RETAINED)
async def test_what_is_retained_is_neither_replaced_nor_wiped(
    world: World, topic: str, attack: bytes
) -> None:
    assert await keeps(world, topic, attack)


@pytest.mark.parametrize(("topic", "attack"), RETAINED)
async def test_without_rights_it_would_be(open_world: World, topic: str, attack: bytes) -> None:
    assert not await keeps(open_world, topic, attack)


STRANGERS = {
    "no user": "mqtt{s}://127.0.0.1:{port}{options}",
    "empty password": "mqtt{s}://viewer:@127.0.0.1:{port}{options}",
    "wrong password": "mqtt{s}://viewer:wrong@127.0.0.1:{port}{options}",
    "hash as password": "mqtt{s}://viewer:{hash}@127.0.0.1:{port}{options}",
    "unknown user": "mqtt{s}://nobody:x@127.0.0.1:{port}{options}",
    "another's password": "mqtt{s}://ingestor:{viewer}@127.0.0.1:{port}{options}",
    "wildcard as user": "mqtt{s}://%2B:x@127.0.0.1:{port}{options}",
    "line break as user": "mqtt{s}://viewer%0Aingestor:x@127.0.0.1:{port}{options}",
}


@pytest.mark.parametrize("form", STRANGERS.values(), ids=STRANGERS)
async def test_stranger_is_not_let_in(world: World, form: str) -> None:
    accounts = world.servers.accounts
    lines = dict(line.split(":", 1) for line in (world.users / "passwords").read_text().splitlines())
    url = form.format(
        s="s" if accounts.authority else "",
        options=f"/?tlsCAFile={accounts.authority}" if accounts.authority else "",
        port=world.servers.mqtt_port,
        hash=lines["viewer"].rsplit("$", 1)[1].replace("/", "%2F").replace("+", "%2B").replace("=", "%3D"),
        viewer=accounts.passwords["MQTT_VIEWER_PASSWORD"],
    )
    # A user's name that is no name at all is no MQTT either: the broker hangs up.
    with pytest.raises(BrokerError, match="closed the connection" if "%0A" in form else "not authorized"):
        async with Wire(url):
            pass
    async with world.wire("viewer"):
        pass  # the right password does
