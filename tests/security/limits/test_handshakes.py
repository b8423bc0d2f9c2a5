"""What a browser calls its tab and its document is kept with a page: it has a form, and ends soon."""

import asyncio
import contextlib
import json
from pathlib import Path
from uuid import uuid4

import pytest
from nicegui import Client
from websockets.exceptions import ConnectionClosed

from stack.servers import Servers
from tests.fault_points import web as points
from tests.security.limits.page import MEBIBYTE, attacked_page, memory_of
from tests.security.own_site import own_site
from tests.security.web import WebSite
from tests.servers import PATIENCE_S, eventually

pytestmark = pytest.mark.integration

TAB_LENGTH = 400_000
PAGES = 250
LONG = f"42{json.dumps(['event', {'client_id': 'x', 'id': 1, 'args': ['t' * TAB_LENGTH]}])}"
WRONG: dict[str, tuple[str, object]] = {
    "long-tab": ("tab_id", "t" * 5000),
    "short-tab": ("tab_id", "tab"),
    "no-tab": ("tab_id", None),
    "list-as-tab": ("tab_id", ["t"]),
    "line-after-tab": ("tab_id", f"{uuid4()}\n"),
    "long-earlier-tab": ("old_tab_id", "t" * 5000),
    "long-document": ("document_id", "d" * 5000),
    "long-number": ("next_message_id", "9" * 5000),
    "no-number": ("next_message_id", "x"),
    "other-digits": ("next_message_id", "٣"),
}


def handshake(page: str, **other: object) -> dict[str, object]:
    mine = {"tab_id": str(uuid4()), "document_id": str(uuid4()), "old_tab_id": None, "next_message_id": 0}
    return {"client_id": page, **mine, **other}


async def shakes_hands(site: WebSite, token: str, **other: object) -> bool:
    """Whether a page takes a handshake."""
    page = await site.page(token, "/health")
    async with site.socket(token) as socket:
        return "true" in await socket.say("handshake", handshake(page.name, **other))


@pytest.mark.parametrize("kind", WRONG)
async def test_handshake_of_another_form_is_rejected(website: WebSite, kind: str) -> None:
    name, value = WRONG[kind]
    token = await website.log_in("viewer")
    assert not await shakes_hands(website, token, **{name: value})
    assert await shakes_hands(website, token)
    assert "Traceback" not in website.log.read_text()


async def test_handshake_in_an_address_is_rejected_as_well(website: WebSite) -> None:
    token = await website.log_in("viewer")
    page = await website.page(token, "/health")
    async with website.socket(token, page.name, tab_id="t" * 5000) as socket:
        assert not socket.is_let_in
    async with website.socket(token, page.name) as socket:
        assert socket.is_let_in


async def test_viewers_write_no_long_messages(website: WebSite) -> None:
    viewer, operator = await website.log_in("viewer"), await website.log_in("operator")
    async with website.socket(operator) as socket:
        await socket.plain.send(LONG)
        assert await socket.goes_on()
    async with website.socket(viewer) as socket:
        await socket.plain.send(LONG)
        _, code = await socket.last_words()
        assert code == 1008


async def test_without_a_bound_they_would(servers: Servers, tmp_path: Path) -> None:
    with points.VIEWERS_MESSAGE_LENGTH.replace(TAB_LENGTH * 2):
        async with own_site(servers, tmp_path) as site, site.socket(await site.log_in("viewer")) as socket:
            await socket.plain.send(LONG)
            assert await socket.goes_on()


async def name_tabs(servers: Servers, folder: Path, build: str) -> int:
    """Shake hands for many pages with tabs of long names; by how much the page grows, bytes."""
    async with attacked_page(servers, folder, build) as (site, process):
        # A viewer's socket ends already because of the length.
        token = await site.log_in("operator")
        before = memory_of(process)
        for number in range(PAGES):
            with contextlib.suppress(ConnectionClosed):
                await shakes_hands(site, token, tab_id=str(number).ljust(TAB_LENGTH, "t"))
        return memory_of(process) - before


async def test_long_names_of_tabs_are_not_kept(servers: Servers, tmp_path: Path) -> None:
    assert await name_tabs(servers, tmp_path, "as_it_is") < 70 * MEBIBYTE


async def test_if_handshakes_had_any_form_they_would_be(servers: Servers, tmp_path: Path) -> None:
    assert await name_tabs(servers, tmp_path, "any_handshake") > 90 * MEBIBYTE


async def test_tab_is_forgotten_soon(servers: Servers, tmp_path: Path) -> None:
    with points.KEEP_TABS_S.replace(0.0):
        async with own_site(servers, tmp_path) as site:
            assert await shakes_hands(site, await site.log_in("viewer"))
            await eventually(lambda: not points.TABS.original, PATIENCE_S)


async def remove_twice(site: WebSite) -> None:
    """Have a page removed for two browsers that are gone, and one that the limit has removed before."""
    token = await site.log_in("viewer")
    two = await site.page(token, "/health")
    async with site.socket(token, two.name), site.socket(token, two.name):
        pass
    await eventually(lambda: two.name not in Client.instances, PATIENCE_S)
    one = await site.page(token, "/health")
    async with site.socket(token, one.name):
        pass
    with points.MOST_PAGES_OF_SESSION.replace(1):
        await site.page(token, "/health")
    assert one.name not in Client.instances


async def test_page_is_removed_once(servers: Servers, tmp_path: Path) -> None:
    async with own_site(servers, tmp_path) as site:
        await remove_twice(site)
        await asyncio.sleep(12)  # NiceGUI waits for a browser for 10 s


async def test_without_care_it_is_removed_again_with_a_traceback(servers: Servers, tmp_path: Path) -> None:
    with points.FORGET_PAGE.replace(lambda _: None):
        async with own_site(servers, tmp_path, quiet=False) as site:
            await remove_twice(site)
            await eventually(lambda: "KeyError" in site.log.read_text(), PATIENCE_S)
