"""Who has logged out finishes what was open before them: a sensor's settings, a rejected payload."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from ingestor.documents import utc_now
from monitor.web.widgets.dialog import NOT_AUTHORIZED
from stack.servers import Servers
from tests.integration.api import Stock
from tests.readings import payload
from tests.security.opened import OpenedPage, Socket
from tests.security.own_site import own_site
from tests.security.web import Role, WebSite
from tests.servers import PATIENCE_S, Wire, comes_true, eventually

pytestmark = pytest.mark.integration

Documents = Database[dict[str, Any]]
PRESSED = 2
# How long it is looked for what should not come, once a press was rejected.
UNEXPECTED_S = 0.5
EDIT, REPAIR = ("Location and threshold", "Save"), ("Repair and resend", "Send")


@pytest.fixture
def stock(database: Documents, site: str, sensor: str) -> Iterator[Stock]:
    """A sensor with a location that people have set, and a payload of it that was rejected."""
    one = Stock(database, site)
    now = utc_now()
    one.sensor(sensor, first_reading=now, last_reading=now, own_location="Room 7", threshold_kwh=12.0)
    one.reject(sensor, now, payload=payload(sensor, 1.5).encode())
    yield one
    one.clear()


@asynccontextmanager
async def opened(
    site: WebSite, sensor: str, labels: tuple[str, str]
) -> AsyncIterator[tuple[str, OpenedPage, Socket]]:
    """An operator's page of a sensor on which a dialog is open: their token, the page and its socket."""
    opens, does = labels
    token = await site.log_in("operator")
    page = await site.page(token, f"/sensor/{sensor}")
    async with site.socket(token, page.name) as socket:
        await socket.until_shown(page, opens)
        await socket.say("event", page.press(opens))
        await socket.until_shown(page, does)
        yield token, page, socket


async def finish(site: WebSite, token: str, page: OpenedPage, socket: Socket, label: str) -> None:
    """Log out, and press the button all the same."""
    await site.log_out(token)
    for _ in range(PRESSED):
        await socket.say("event", page.press(label))


@pytest.mark.parametrize(("build", "sets"), [("last_wall", False), ("edit_by_anybody", True)])
async def test_who_sets_something_of_a_sensor_is_looked_at_when_they_do(
    servers: Servers, tmp_path: Path, stock: Stock, sensor: str, build: str, sets: bool
) -> None:
    sensors = stock.database.sensors
    async with (
        own_site(servers, tmp_path, build) as site,
        opened(site, sensor, EDIT) as (token, page, socket),
    ):
        # What is in the dialog still comes back if it is saved.
        sensors.update_one({"sensor_id": sensor}, {"$set": {"own_location": "Room 8"}})
        await finish(site, token, page, socket, EDIT[1])
        if not sets:
            await socket.until_told(NOT_AUTHORIZED, PRESSED)
        saved = {"sensor_id": sensor, "own_location": "Room 7"}
        seconds = PATIENCE_S if sets else UNEXPECTED_S
        assert await comes_true(lambda: sensors.count_documents(saved) == 1, seconds) is sets


@pytest.mark.parametrize(("build", "sends"), [("last_wall", False), ("repair_by_anybody", True)])
async def test_who_sends_something_again_is_looked_at_when_they_do(
    servers: Servers, tmp_path: Path, stock: Stock, sensor: str, build: str, sends: bool
) -> None:
    topic = f"energy/readings/{stock.site}/{sensor}"
    async with (
        own_site(servers, tmp_path, build) as site,
        Wire(servers.mqtt("viewer")) as viewer,
        opened(site, sensor, REPAIR) as (token, page, socket),
    ):
        await viewer.listen(topic)
        await finish(site, token, page, socket, REPAIR[1])
        if not sends:
            await socket.until_told(NOT_AUTHORIZED, PRESSED)
        assert (
            await comes_true(lambda: bool(viewer.on(topic)), PATIENCE_S if sends else UNEXPECTED_S) is sends
        )


@pytest.mark.parametrize("label", [EDIT[0], REPAIR[0]])
async def test_viewer_is_not_asked(website: WebSite, stock: Stock, sensor: str, label: str) -> None:
    async def is_asked(role: Role) -> bool:
        token = await website.log_in(role)
        page = await website.page(token, f"/sensor/{sensor}")
        async with website.socket(token, page.name) as socket:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await socket.until_shown(page, label)
        return page.shows(label)

    # Until the page knows the sensor, there is nothing to see of it.
    await eventually(lambda: is_asked("operator"))
    assert not await is_asked("viewer")


async def test_page_that_comes_right_after_the_start_has_its_sensor(
    servers: Servers, tmp_path: Path, stock: Stock, sensor: str
) -> None:
    assert stock.database.sensors.find_one({"sensor_id": sensor})
    async with own_site(servers, tmp_path, "slow_start") as site:
        page = await site.page(await site.log_in("operator"), f"/sensor/{sensor}")
        assert page.shows(EDIT[0])
