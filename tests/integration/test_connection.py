"""How a connection ends: peers that do what no healthy broker does on demand."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine

import pytest
from mqtt5 import (
    ConnAckPacket,
    ConnAckReasonCode,
    DisconnectPacket,
    DisconnectReasonCode,
    PingReqPacket,
    PublishPacket,
    QoS,
)

from broker.address import MqttAddress
from broker.connection import Connection, OutgoingMessage
from broker.errors import BrokerLostError, BrokerRejectedError
from broker.program.process import run_loop
from broker.supervisor import ConnectionSupervisor
from tests.fault_points.broker import CONNECT_TIMEOUT_S, PING_EVERY_S, close_transport
from tests.integration.peer import Peer, broker, for_ever, listen_for_ever

pytestmark = pytest.mark.integration

# Sooner than a ping would find out: those go every 10 s.
AT_ONCE_S = 8


async def test_reset_is_noticed_at_once() -> None:
    async def reset(peer: Peer) -> None:
        await asyncio.sleep(0.1)  # so that it waits for a packet
        peer.reset()

    async with broker(reset) as link, link.new_connection() as connection:
        with pytest.raises(BrokerLostError):
            async with asyncio.timeout(AT_ONCE_S):
                await connection.run(for_ever())
        assert connection.is_lost
        with pytest.raises(BrokerLostError):
            await connection.publish_many([OutgoingMessage("t", b"")])
        with pytest.raises(BrokerLostError):
            await connection.puback_many([1])


@PING_EVERY_S.replace(0.2)
async def test_silent_peer_is_noticed() -> None:
    async def say_nothing(_: Peer) -> None:
        await for_ever()

    async with broker(say_nothing) as link, link.new_connection() as connection:
        with pytest.raises(BrokerLostError):
            async with asyncio.timeout(AT_ONCE_S):
                await connection.run(for_ever())


@PING_EVERY_S.replace(0.2)
async def test_anything_heard_proves_that_the_peer_lives() -> None:
    pings = 0

    async def talk_without_answering_pings(peer: Peer) -> None:
        async def talk() -> None:
            while True:
                peer.send(PublishPacket("t", b"x", qos=QoS.AT_LEAST_ONCE, packet_id=1))
                await asyncio.sleep(0.05)  # much more often than pings

        nonlocal pings
        talking = asyncio.create_task(talk())
        while (packet := await peer.receive()) is not None:
            pings += isinstance(packet, PingReqPacket)
        talking.cancel()

    async with broker(talk_without_answering_pings) as link, link.new_connection() as connection:
        with pytest.raises(TimeoutError):
            # Several times as long as a ping may go without an answer.
            async with asyncio.timeout(2):
                await connection.run(for_ever())
    assert pings > 2


async def test_peer_that_does_not_read_does_not_hold_up_the_end() -> None:
    async def never_read(_: Peer) -> None:
        await for_ever()

    async with asyncio.timeout(AT_ONCE_S), broker(never_read) as link, link.new_connection() as connection:
        big = [OutgoingMessage("t", b"x" * 1_000_000)] * 50
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await connection.publish_many(big)


async def test_what_is_no_mqtt_ends_the_connection() -> None:
    async def babble(peer: Peer) -> None:
        peer.writer.write(b"\xff" * 100)
        await listen_for_ever(peer)

    async with broker(babble) as link, link.new_connection() as connection:
        with pytest.raises(BrokerLostError):
            async with asyncio.timeout(AT_ONCE_S):
                await connection.run(for_ever())


async def test_rival_ends_the_loop_with_its_sentence() -> None:
    async def take_over(peer: Peer) -> None:
        peer.send(DisconnectPacket(reason_code=DisconnectReasonCode.SESSION_TAKEN_OVER))

    async def use(_: Connection) -> bool:
        await for_ever()
        return True

    async with broker(take_over) as link:
        with pytest.raises(BrokerRejectedError, match="there is a rival"):
            await link.run(use, asyncio.Event())


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD, BrokerRejectedError),
        (ConnAckReasonCode.NOT_AUTHORIZED, BrokerRejectedError),
        (ConnAckReasonCode.SERVER_BUSY, BrokerLostError),
    ],
)
async def test_rejection_is_told_from_a_passing_fault(
    code: ConnAckReasonCode, error: type[Exception]
) -> None:
    async with broker(listen_for_ever, ConnAckPacket(reason_code=code)) as link:
        with pytest.raises(error, match=code.name.replace("_", " ").lower()):
            async with link.new_connection():
                pass


@CONNECT_TIMEOUT_S.replace(0.3)
async def test_silent_door_is_left_in_bounded_time() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()  # the kernel takes the connection, nobody ever answers
        address = MqttAddress.parse(f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        link = ConnectionSupervisor(
            address, "test", lambda *_: None, OutgoingMessage("will", b""), takeover_hint=""
        )
        with pytest.raises(BrokerLostError, match=r"no answer within 0\.3 s"):
            async with link.new_connection():
                pass


async def test_loop_makes_a_new_client_after_each_loss_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def reset(peer: Peer) -> None:
        peer.reset()

    used = 0

    async def use(_: Connection) -> bool:
        nonlocal used
        used += 1
        if used == 6:
            return True
        await for_ever()
        return True

    caplog.set_level(logging.INFO)
    async with broker(reset) as link:
        await link.run(use, asyncio.Event())
    assert used == 6
    assert sum("there is a rival" in each for each in caplog.messages) == 1
    # Two lines for each of the first three losses; then it is a suspicion, told once.
    assert len(caplog.messages) == 7


async def write_nothing() -> None:
    async with broker(for_ever_peer) as link, link.new_connection() as connection:
        close_transport(connection)
        with pytest.raises(BrokerLostError):
            connection.try_publish([OutgoingMessage("t", b"")])
        with pytest.raises(BrokerLostError):
            await connection.puback_many([1])
        await asyncio.sleep(0)  # uvloop closes the handle, and writing raises RuntimeError
        assert not connection.is_lost  # nobody who reads has run since
        with pytest.raises(BrokerLostError):
            await connection.add_subscription("t")


async def leave_at_once() -> None:
    async with broker(for_ever_peer) as link, link.new_connection() as connection:
        close_transport(connection)
        await asyncio.sleep(0)  # uvloop closes the handle
        assert not connection.is_lost


@pytest.mark.parametrize("run", [asyncio.run, run_loop])
@pytest.mark.parametrize("use", [write_nothing, leave_at_once])
def test_nothing_is_written_on_a_transport_that_just_closed(
    run: Callable[[Coroutine[object, object, None]], None], use: Callable[[], Coroutine[object, object, None]]
) -> None:
    run(use())


@pytest.mark.parametrize("turns", range(1, 6))
async def test_work_that_is_cancelled_as_it_fails_is_cancelled(turns: int) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with broker(for_ever_peer) as link, link.new_connection() as connection:
        running = asyncio.ensure_future(connection.run(fail()))
        for _ in range(turns):
            await asyncio.sleep(0)  # the loop takes one turn
        expected = asyncio.CancelledError if running.cancel() else ZeroDivisionError
        with pytest.raises(expected):
            await running


async def for_ever_peer(_: Peer) -> None:
    await for_ever()
