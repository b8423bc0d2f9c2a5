"""Who has the rights to get past the database's own checks writes what nobody can read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from ingestor.documents import utc_now
from stack.servers import Servers
from tests.integration.api import Stock
from tests.security.own_site import own_site
from tests.security.web import WebSite
from tests.servers import eventually

pytestmark = pytest.mark.integration


@asynccontextmanager
async def spoiled(
    servers: Servers, folder: Path, database: Database[dict[str, Any]], place: str, build: str
) -> AsyncIterator[WebSite]:
    """A page that shows documents in which everything is wrong that can be."""
    stock = Stock(database, place)
    try:
        async with own_site(servers, folder, build, quiet=build == "as_it_is") as site:
            await asyncio.sleep(0.5)  # it has shown itself without them
            stock.spoil(f"Sensor-{place}", utc_now())
            # Behind all of them in every order.
            stock.sensor(f"Zensor-{place}")
            stock.readings(f"Zensor-{place}", utc_now(), [12.5])
            yield site
    finally:
        stock.clear()


async def test_page_goes_on_and_says_so(
    servers: Servers, tmp_path: Path, database: Database[dict[str, Any]], site: str
) -> None:
    async with spoiled(servers, tmp_path, database, site, "as_it_is") as page:
        await eventually(lambda: "Some readings cannot be read" in page.log.read_text())
        token = await page.log_in("viewer")
        async with page.browser(token) as browser:
            assert (await browser.get("/api/v1/sensors")).status_code == 200
        assert await page.is_live()
        assert page.log.read_text().count("Some readings") == 1

        async def shows_what_can_be_read() -> bool:
            async with page.browser(token) as browser:
                return "12.50 kWh" in (await browser.get(f"/sensor/Zensor-{site}")).text

        await eventually(shows_what_can_be_read)


async def test_without_the_care_it_would_end(
    servers: Servers, tmp_path: Path, database: Database[dict[str, Any]], site: str
) -> None:
    async with spoiled(servers, tmp_path, database, site, "no_care_for_spoiled") as page:

        async def is_gone() -> bool:
            return not await page.is_live()

        await eventually(is_gone)
