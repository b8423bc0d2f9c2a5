"""A hole in a page: what gets in as markup is run by no browser."""

from pathlib import Path

import pytest
from playwright.async_api import Dialog, expect

from stack.servers import Servers
from tests.browser.web import CHROMIUM, start_browser
from tests.security.own_site import own_site
from tests.security.web import PASSWORDS, WebSite

pytestmark = pytest.mark.browser


async def what_ran(site: WebSite) -> set[str]:
    """What scripts said in boxes on a page with a hole."""
    said: set[str] = set()

    async def hear(dialog: Dialog) -> None:
        said.add(dialog.message)
        await dialog.dismiss()

    async with start_browser() as browser:
        page = await browser.new_page()
        page.on("dialog", hear)
        await page.goto(site.url)
        await page.fill("#password", PASSWORDS["viewer"])
        await page.click("button")
        # The page's own scripts run, or it would show nothing.
        await expect(page.locator("h1")).to_be_visible(timeout=20_000)
        await expect(page.locator("img[src=x]")).to_be_attached()
    return said


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")
@pytest.mark.parametrize(
    ("build", "runs"),
    [
        ("hole", set[str]()),
        ("hole_and_nonce_for_all", {"through a hole"}),
        ("hole_and_any_script", {"through a hole", "by an event"}),
    ],
)
async def test_markup_that_slipped_in_runs_only_if_the_policy_is_taken_away(
    servers: Servers, tmp_path: Path, build: str, runs: set[str]
) -> None:
    async with own_site(servers, tmp_path, build) as site:
        assert await what_ran(site) == runs
