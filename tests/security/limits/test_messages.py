"""What a viewer may make the page keep over web sockets, by pages, and by requests."""

import asyncio
import contextlib
import os
from pathlib import Path

import httpx
import pytest
from nicegui import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stack.servers import Servers
from tests.fault_points import web as points
from tests.fault_points.point import Point
from tests.security.limits.page import MEBIBYTE, attacked_page, memory_of
from tests.security.own_site import own_site
from tests.security.web import WebSite

pytestmark = pytest.mark.integration

ATTACHMENTS = '45999999999-["event",{"_placeholder":true,"num":0}]'
# Engine.IO, then Socket.IO: binary events and answers, namespaces, errors, what is no text, no packet at all.
FOREIGN: dict[str, str | bytes] = {
    "binary-event": ATTACHMENTS,
    "binary-answer": '46999999999-["x"]',
    "binary-event-of-a-namespace": '452-/x,["event"]',
    "attachment": b"x" * 1000,
    "attachment-as-text": "bAAAA",
    "namespace": "40/x,",
    "namespace-with-a-question": "40/?x=1,",
    "leaving-a-namespace": "41/x,",
    "event-of-a-namespace": '42/x,["event",{}]',
    "attachments-of-an-event": '421-["event",{}]',
    "number-without-end": f'42{"9" * 60}["event",{{}}]',
    "error": '44{"message":"x"}',
    "upgrade": "5",
    "json": "4" + "[" * 100_000,
    "answer": '431["x"]',
    "connection-with-more": '40{"token":"x"}',
    "no-json": '42["event",{',
    "no-event": "42[]",
    "event-of-our-own": '42["connect",{}]',
    "end-of-our-own": '42["disconnect",{}]',
    "event-without-arguments": '42["event"]',
    "more-arguments": '42["event",{},{}]',
    "other-argument": '42["event",[]]',
    "deep": f'42["event",{{"client_id":{"[" * 200_000}{"]" * 200_000}}}]',
    "nothing": "",
}
# What looks as if NiceGUI's script had sent it.
MALFORMED = (
    '42["event",{}]',
    f'42["event",{{"client_id":{"[" * 900}{"]" * 900}}}]',
    '42["event",{"client_id":"x","args":[]}]',
    '421["handshake",{"client_id":"x"}]',
    '42["ack",{"client_id":5}]',
    '42["javascript_response",{"client_id":"x","request_id":{}}]',
    '42["log",{"client_id":"x","level":"error","message":"written by a browser"}]',
    '42["log",5]',
    "40",
    "3",
    "2",
    "41",
)


@pytest.mark.parametrize("kind", FOREIGN)
async def test_packet_that_would_be_kept_ends_the_socket(website: WebSite, kind: str) -> None:
    token = await website.log_in("viewer")
    async with website.socket(token) as socket:
        await socket.plain.send(FOREIGN[kind])
        _, code = await socket.last_words()
        assert code == 1008


async def test_malformed_event_leaves_no_trace(website: WebSite) -> None:
    token = await website.log_in("viewer")
    for message in MALFORMED:
        with contextlib.suppress(ConnectionClosed):
            async with website.socket(token) as socket:
                await socket.plain.send(message)
                await socket.goes_on()
    log = website.log.read_text()
    assert "Traceback" not in log
    assert "written by a browser" not in log


async def announce_attachments(servers: Servers, folder: Path, build: str) -> int:
    """Announce attachments, and send 100 MB of them; by how much the page grows, bytes."""
    async with attacked_page(servers, folder, build) as (site, process):
        token = await site.log_in("viewer")
        async with site.socket(token) as socket:
            before = memory_of(process)
            with contextlib.suppress(ConnectionClosed):
                await socket.plain.send(ATTACHMENTS)
                for _ in range(400):
                    await socket.plain.send(os.urandom(250_000))
            return memory_of(process) - before


async def test_attachments_are_not_kept(servers: Servers, tmp_path: Path) -> None:
    assert await announce_attachments(servers, tmp_path, "as_it_is") < 30 * MEBIBYTE


async def test_if_any_packet_were_taken_they_would_be(servers: Servers, tmp_path: Path) -> None:
    assert await announce_attachments(servers, tmp_path, "any_packet") > 60 * MEBIBYTE


def frame(first: int, said: bytes = b"") -> bytes:
    """A frame as a browser masks it, here with zeros."""
    return bytes([first, 0x80 | len(said)]) + bytes(4) + said


@pytest.mark.parametrize(
    "sent",
    [frame(0x01, b"42[") + frame(0x00) * 100_000, frame(0x81, b"3") * 30_000],
    ids=["parts-without-end", "many-at-once"],
)
async def test_frames_without_end_end_the_socket(website: WebSite, sent: bytes) -> None:
    token = await website.log_in("viewer")
    async with website.socket(token) as socket:
        socket.plain.transport.write(sent)
        heard, _ = await socket.last_words()
        assert len(heard) < 10


async def test_if_any_frames_were_taken_it_would_go_on(servers: Servers, tmp_path: Path) -> None:
    async with attacked_page(servers, tmp_path, "any_frames") as (site, _):
        token = await site.log_in("viewer")
        async with site.socket(token) as socket:
            socket.plain.transport.write(frame(0x01, b"42[") + frame(0x00) * 100_000)
            with pytest.raises(TimeoutError):
                await socket.last_words(3)


async def sockets_of(site: WebSite, token: str, count: int) -> int:
    """How many of so many web sockets one session gets at a time."""
    async with contextlib.AsyncExitStack() as stack:
        got = 0
        for _ in range(count):
            with contextlib.suppress(InvalidStatus, ConnectionClosed):
                await stack.enter_async_context(site.socket(token))
                got += 1
        return got


async def pages_of(site: WebSite, token: str, count: int) -> int:
    """How many of so many pages are kept that one session loads."""
    async with site.browser(token) as viewer:
        for _ in range(count):
            assert (await viewer.get("/compare")).status_code == 200
    return len(Client.instances)


async def requests_of(site: WebSite, token: str, count: int) -> int:
    """How many of so many requests at once are answered."""
    async with site.browser(token) as viewer:
        limits = httpx.Limits(max_connections=count)
        transport = httpx.AsyncHTTPTransport(limits=limits)
        async with httpx.AsyncClient(base_url=site.url, headers=viewer.headers, transport=transport) as many:
            found = await asyncio.gather(*[many.get("/api/v1/energy", timeout=60) for _ in range(count)])
    return sum(each.status_code != 429 for each in found)


@pytest.mark.parametrize(
    ("limit", "attempt"),
    [
        (points.MOST_SOCKETS_OF_SESSION, sockets_of),
        (points.MOST_PAGES_OF_SESSION, pages_of),
        (points.MOST_REQUESTS_OF_ROLE, requests_of),
    ],
    ids=["sockets", "pages", "requests"],
)
async def test_session_has_so_much_under_way_and_no_more(
    servers: Servers, tmp_path: Path, limit: Point, attempt: object
) -> None:
    assert callable(attempt)
    async with own_site(servers, tmp_path) as site:
        viewer, operator = await site.log_in("viewer"), await site.log_in("operator")
        with limit.replace(10):
            assert await attempt(site, viewer, 15) <= 11
            # Another role has its own part.
            assert await sockets_of(site, operator, 1) == 1
        assert await attempt(site, viewer, 15) == 15 or limit is points.MOST_PAGES_OF_SESSION
