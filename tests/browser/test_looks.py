"""Pages for everybody: on a phone and on a large screen, in light and dark, without a mouse."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from monitor.web.widgets.layout import PATHS
from stack.secrets.credentials import Credentials
from stack.servers import start_servers
from tests.browser.web import NARROW, WIDE, Web
from tests.readings import payload
from tests.servers import RunningIngestor, Site, Wire, until_computed

# The browser is a child of the session's loop.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def check(page: Page, where: str) -> None:
    results = await Axe().run(page)
    found = [
        (each["id"], [node["html"][:200] for node in each["nodes"][:3]])
        for each in results.response["violations"]
    ]
    assert found == [], where
    too_wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert too_wide <= 0, f"{where}: {too_wide} pixels too wide"


# What each page of the menu shows when it is drawn.
READY = {"Now": ".tile", "Alarms": "li.alarm", "Compare": "canvas", "Health": "details"}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_every_page_fits_and_is_accessible(
    browser: Browser, web: Web, meter: Site, theme: str, size: dict[str, int]
) -> None:
    await meter.publish(payload(meter.sensor, 13.4), payload(meter.sensor, 1.2), "no reading")
    await meter.publish(payload(meter.sensor, 14.4))
    await meter.until_count(3)
    # What is compared are sums, which follow some seconds later; a page that had none would not look again.
    await until_computed(lambda: meter.database.daily.count_documents({"sensor_id": meter.sensor}) > 0)
    page = await (await browser.new_context(viewport=size, color_scheme=theme)).new_page()  # type: ignore[arg-type]  # a word of two
    await page.goto(f"{web.url}/login")
    await check(page, "/login")
    await page.select_option("#user", "operator")
    await page.fill("#password", "look-and-act-too")
    await page.click("button")
    for path, ready in [
        *((PATHS[title], READY[title]) for title in PATHS),
        (f"/sensor/{meter.sensor}", "canvas"),
    ]:
        await page.goto(web.url + path)
        await expect(page.locator(ready).first).to_be_visible()
        await check(page, path)


async def test_theme_is_kept(browser: Browser, web: Web) -> None:
    page = await web.open(browser, color_scheme="light")
    await page.get_by_label("Theme").click()
    await page.get_by_role("option", name="dark").click()
    await expect(page.locator("body.body--dark")).to_be_attached()
    await page.reload()
    await expect(page.locator("body.body--dark")).to_be_attached()


async def test_a_thousand_sensors_are_shown_a_page_at_a_time(browser: Browser, web: Web, meter: Site) -> None:
    names = [f"{meter.sensor}-{number:04}" for number in range(1000)]
    for name in names:
        await meter.wire.publish(f"energy/readings/{meter.site}/{name}", payload(name, 1.0))
    await meter.until_count(1000)
    page = await web.open(browser)
    await page.get_by_label("Search").fill(meter.site)
    await expect(page.locator(".counted")).to_contain_text("1,000")
    await expect(page.locator(".tile")).to_have_count(60)
    await page.get_by_label("Search").fill(f"{meter.site} -0777")
    await expect(page.locator(".tile")).to_have_count(1)
    await expect(page.locator(".counted")).to_contain_text("1 of 1,")
    await meter.wire.publish(f"energy/readings/{meter.site}/{names[777]}", payload(names[777], 7.77))
    await expect(page.locator(".tile-value")).to_contain_text("7.77")
    await page.get_by_label("Search").fill("nothing like it")
    await expect(page.get_by_text("No sensor matches")).to_be_visible()


async def test_readings_are_shown_with_the_threshold_and_over_another_time(
    browser: Browser, web: Web, meter: Site
) -> None:
    await meter.publish(*(payload(meter.sensor, value) for value in (1.0, 13.0, 2.0)))
    await meter.until_count(3)
    page = await web.open(browser)
    await page.goto(f"{web.url}/sensor/{meter.sensor}")
    facts = page.locator(".card dl")
    await expect(facts).to_contain_text("every reading")
    await expect(facts).to_contain_text("13.00 kWh")
    for text in ("16.0 kWh", "5.33 kWh"):
        await expect(facts).to_contain_text(text)
    await expect(page.locator("dl").first).to_contain_text("12 kWh")
    await page.get_by_role("button", name="custom").click()
    await page.get_by_label("From").fill("2020-01-01T00:00")
    await page.get_by_label("To").fill("2020-02-01T00:00")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.get_by_text("No readings in this period.")).to_be_visible()


async def test_page_says_when_the_database_is_gone_and_recovers(
    browser: Browser, tmp_path: Path, accounts: Credentials
) -> None:
    async with start_servers(tmp_path / "servers", accounts) as servers:
        ingestor = RunningIngestor(servers, "+", tmp_path / "ingestor.log", ("--name", "ingestor"))
        await ingestor.start()
        async with Web(servers, tmp_path / "web.log").running() as web, Wire(servers.mqtt("sensors")) as wire:
            page = await web.open(browser)
            await expect(page.get_by_text("No readings yet. Start a sensor")).to_be_visible()
            await wire.publish("energy/readings/lari/Meter-1", payload("Meter-1", 1.25))
            await expect(page.locator(".tile-value")).to_contain_text("1.25")
            await servers.database.stop()
            stale = page.locator(".old-data")
            await expect(stale).to_contain_text("MongoDB does not answer")
            await expect(stale).to_contain_text("The data shown is from")
            await expect(page.locator(".tile-value")).to_contain_text("1.25")
            await wire.publish("energy/readings/lari/Meter-1", payload("Meter-1", 2.5))
            await servers.database.start()
            await expect(stale).to_be_hidden(timeout=60_000)
            await expect(page.locator(".tile-value")).to_contain_text("2.50", timeout=60_000)
            assert web.dialogs == []
        await ingestor.stop()
