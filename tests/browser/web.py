"""A web page of the test's own, and a browser that looks at it."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from stack.ports import reserve_port
from stack.processes import Process, running
from stack.servers import Servers
from tests.servers import fetch

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PASSWORDS = {"viewer": "look-only-please", "operator": "look-and-act-too"}
# A busy machine draws pages late.
expect.set_options(timeout=30_000)
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@dataclass(slots=True)
class Web:
    """``monitor web`` as users run it.

    Attributes:
        dialogs: What scripts of a page have said in boxes: nothing, if all is well.
        hosts: Where browsers went.
    """

    servers: Servers
    log: Path
    port: int = field(default_factory=reserve_port)
    dialogs: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def process(self) -> Process:
        environment = {
            "ENERGY_MQTT_URL": self.servers.mqtt("operator"),
            "ENERGY_MONGO_URL": self.servers.mongo("operator"),
            "ENERGY_VIEWER_PASSWORD": PASSWORDS["viewer"],
            "ENERGY_OPERATOR_PASSWORD": PASSWORDS["operator"],
        }
        command = [sys.executable, "-m", "monitor", "web", "--http", f"127.0.0.1:{self.port}"]
        return Process("web", command, environment, self.log)

    async def is_live(self) -> bool:
        return fetch(f"{self.url}/live")[0] == 200

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Web"]:
        """Serve; nobody but this test sees the log, and it may not hold a traceback."""
        async with running(self.process(), self.is_live):
            yield self
        assert "Traceback" not in self.log.read_text(), self.log.read_text()

    async def open(
        self, browser: Browser, path: str = "/", *, role: str = "operator", **options: object
    ) -> Page:
        """A page in a window of its own, logged in."""
        context = await browser.new_context(viewport=options.pop("viewport", WIDE), **options)  # type: ignore[arg-type]  # by their names
        page = await context.new_page()
        page.set_default_timeout(30_000)
        page.on("dialog", lambda dialog: self.dialogs.append(dialog.message))
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        page.on("pageerror", lambda error: self.dialogs.append(str(error)))
        await page.goto(self.url + path)
        await page.select_option("#user", role)
        await page.fill("#password", PASSWORDS[role])
        await page.click("button")
        await page.wait_for_selector("h1")
        return page


@asynccontextmanager
async def start_browser() -> AsyncIterator[Browser]:
    """Chromium, without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()
