"""Who may only look, or may not any more, presses what is on an operator's page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo.database import Database

from ingestor.documents import utc_now
from monitor.web.widgets.dialog import NOT_AUTHORIZED
from stack.servers import Servers
from tests.integration.api import Stock
from tests.security.opened import OpenedPage
from tests.security.own_site import own_site
from tests.security.web import WebSite
from tests.servers import PATIENCE_S, Wire, comes_true, eventually

pytestmark = pytest.mark.integration

PRESSED = 3
# How long it is looked for a command that should not come, once a press was rejected.
UNEXPECTED_S = 0.5


class Victim:
    """An operator's page with an alarm on it, and what is told to the ingestor."""

    def __init__(self, site: WebSite, token: str, page: OpenedPage, wire: Wire, topic: str) -> None:
        self.site = site
        self.token = token
        self.page = page
        self.wire = wire
        self.topic = topic

    @property
    def commands(self) -> int:
        return len(self.wire.on(self.topic))


@asynccontextmanager
async def victim_on(
    site: WebSite, database: Database[dict[str, Any]], place: str, sensor: str
) -> AsyncIterator[Victim]:
    stock = Stock(database, place)
    stock.alarm(sensor, "silent", utc_now())
    token = await site.log_in("operator")
    label = f"Acknowledge silent of {sensor}"

    async def shows_it() -> bool:
        return label in str((await site.page(token, "/alarms")).elements)

    await eventually(shows_it)
    topic = f"energy/commands/{place}/{sensor}"
    try:
        async with Wire(site.servers.mqtt("operator")) as wire:
            await wire.listen(topic)
            yield Victim(site, token, await site.page(token, "/alarms"), wire, topic)
    finally:
        stock.clear()


async def acts_as_another(victim: Victim, sensor: str, within_s: float) -> bool:
    """Whether a viewer who knows all of an operator's page can press what is on it."""
    site, page = victim.site, victim.page
    viewer = await site.log_in("viewer")
    press = page.press(f"Acknowledge silent of {sensor}")
    async with (
        site.socket(victim.token, page.name) as operators,
        site.socket(viewer) as attackers,
    ):
        assert operators.is_let_in
        await attackers.say("event", press)
        await operators.say("event", press)
        await eventually(lambda: victim.commands > 0)
        # Each command has a connection of its own, so the first one may come last.
        return await comes_true(lambda: victim.commands > 1, within_s)


async def test_viewer_cannot_press_what_is_on_an_operators_page(
    website: WebSite, database: Database[dict[str, Any]], site: str, sensor: str
) -> None:
    async with victim_on(website, database, site, sensor) as victim:
        assert not await acts_as_another(victim, sensor, within_s=3)


async def test_if_pages_were_anybodys_a_viewer_could(
    servers: Servers, tmp_path: Path, database: Database[dict[str, Any]], site: str, sensor: str
) -> None:
    async with (
        own_site(servers, tmp_path, "pages_of_anybody") as broken,
        victim_on(broken, database, site, sensor) as victim,
    ):
        assert await acts_as_another(victim, sensor, within_s=PATIENCE_S)


async def attaches(site: WebSite) -> tuple[bool, bool]:
    """Whether another operator's page can be had by its id: at once, and later."""
    token, mine = await site.log_in("operator"), await site.log_in("operator")
    page, other = await site.page(token), await site.page(token)
    async with site.socket(mine, page.name) as at_once, site.socket(mine) as later:
        more = {"tab_id": str(uuid4()), "document_id": str(uuid4()), "next_message_id": 0}
        return at_once.is_let_in, "true" in await later.say("handshake", {"client_id": other.name, **more})


async def test_nobody_attaches_to_the_page_of_another_log_in(website: WebSite) -> None:
    assert await attaches(website) == (False, False)


async def test_if_pages_were_anybodys_one_would(servers: Servers, tmp_path: Path) -> None:
    async with own_site(servers, tmp_path, "pages_of_anybody") as broken:
        assert await attaches(broken) == (True, True)


async def test_viewer_has_nothing_to_press(
    website: WebSite, database: Database[dict[str, Any]], site: str, sensor: str
) -> None:
    async with victim_on(website, database, site, sensor) as victim:
        token = await website.log_in("viewer")
        page = await website.page(token, "/alarms")
        assert f"Acknowledge silent of {sensor}" not in str(page.elements)
        listeners = [
            {"client_id": page.name, "id": int(number), "listener_id": event["listener_id"], "args": ["{}"]}
            for number, element in page.elements.items()
            for event in element.get("events", [])
            if event["type"] == "click"
        ]
        assert listeners
        operators = victim.page.press(f"Acknowledge silent of {sensor}")
        async with website.socket(token, page.name) as socket:
            for said in (*listeners, {**operators, "client_id": page.name}):
                await socket.say("event", said)
        assert victim.commands == 0


async def may_press_after_leaving(victim: Victim, sensor: str, *, acts: bool) -> bool:
    """Whether an operator's page that is still open acts when they have logged out; it says so if not."""
    press = victim.page.press(f"Acknowledge silent of {sensor}")
    async with victim.site.socket(victim.token, victim.page.name) as socket:
        await victim.site.log_out(victim.token)
        for _ in range(PRESSED):
            await socket.say("event", press)
        if not acts:
            await socket.until_told(NOT_AUTHORIZED, PRESSED)
        return await comes_true(lambda: victim.commands > 0, PATIENCE_S if acts else UNEXPECTED_S)


@pytest.mark.parametrize(("build", "acts"), [("last_wall", False), ("no_wall", True)])
async def test_who_acts_is_looked_at_when_they_do(
    servers: Servers,
    tmp_path: Path,
    database: Database[dict[str, Any]],
    site: str,
    sensor: str,
    build: str,
    acts: bool,
) -> None:
    async with (
        own_site(servers, tmp_path, build) as broken,
        victim_on(broken, database, site, sensor) as victim,
    ):
        assert await may_press_after_leaving(victim, sensor, acts=acts) is acts


async def test_if_viewers_were_operators_they_could_press(
    servers: Servers, tmp_path: Path, database: Database[dict[str, Any]], site: str, sensor: str
) -> None:
    async with (
        own_site(servers, tmp_path, "everybody_acts") as broken,
        victim_on(broken, database, site, sensor) as victim,
    ):
        token = await broken.log_in("viewer")
        page = await broken.page(token, "/alarms")
        async with broken.socket(token, page.name) as socket:
            await socket.say("event", page.press(f"Acknowledge silent of {sensor}"))
            await eventually(lambda: victim.commands > 0)
