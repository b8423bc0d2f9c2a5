"""What comes from sensors harms nobody who looks at it, and nobody looks who has not logged in."""

import http.client
import json
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from monitor.web.widgets.layout import PATHS
from tests.browser.web import PASSWORDS, Web
from tests.readings import payload
from tests.servers import Site, fetch

pytestmark = pytest.mark.browser
# The browser is a child of the session's loop.
with_browser = pytest.mark.asyncio(loop_scope="session")

REST = (Path(__file__).parent.parent.parent / "docs" / "reference" / "rest.md").read_text()
IMAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "</script><script>alert(2)</script>`${alert(3)}{{alert(4)}}\u202e"


@pytest.mark.parametrize("location", [IMAGE, SCRIPT])
@with_browser
async def test_location_is_text_and_nothing_else(
    browser: Browser, web: Web, meter: Site, location: str
) -> None:
    await meter.publish(payload(meter.sensor, 13.0, location=location))
    await meter.until_stored(1)
    shown = location.replace("\u202e", r"\u202e")
    page = await web.open(browser)
    await page.get_by_label("Search").fill(meter.sensor)
    await expect(page.locator(".tile")).to_have_count(1)
    tile = page.get_by_role("link", name=meter.sensor)
    await expect(tile.locator(".tile-place")).to_have_text(shown)
    for path in (f"/sensor/{meter.sensor}", *PATHS.values()):
        await page.goto(web.url + path)
        await expect(page.locator("h1")).to_be_visible()
        if path.startswith("/sensor"):
            await expect(page.locator(".lead")).to_contain_text(shown)
        assert await page.locator("img[src=x]").count() == 0


@with_browser
async def test_payload_that_was_rejected_is_text_and_nothing_else(
    browser: Browser, web: Web, meter: Site
) -> None:
    await meter.publish(IMAGE)
    await meter.until_rejected(1)
    page = await web.open(browser, "/health")
    rejected = page.locator("details").filter(has=page.get_by_text(f"/{meter.site}/"))
    await rejected.locator("summary").click()
    await expect(rejected.locator("pre")).to_have_text(IMAGE)


@with_browser
async def test_element_that_slipped_through_could_not_run_a_script(browser: Browser, web: Web) -> None:
    page = await web.open(browser)
    rejections: list[str] = []
    page.on("console", lambda message: rejections.append(message.text))
    await page.evaluate(f"document.querySelector('h1').innerHTML = '{IMAGE}'")
    await expect(page.locator("img[src=x]")).to_be_attached()
    await page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'alert(5)'}))"
    )
    await page.wait_for_function(
        "performance.getEntriesByType('resource').some(each => each.name.endsWith('/x'))"
    )
    assert len([each for each in rejections if "Content Security Policy" in each]) >= 2


@with_browser
async def test_browser_goes_nowhere_else(browser: Browser, web: Web) -> None:
    page = await web.open(browser)
    for path in PATHS.values():
        await page.goto(web.url + path, wait_until="networkidle")
    assert web.hosts == {f"127.0.0.1:{web.port}"}


@with_browser
async def test_nobody_comes_in_with_a_wrong_password(browser: Browser, web: Web) -> None:
    page = await (await browser.new_context()).new_page()
    await page.goto(f"{web.url}/alarms")
    await expect(page).to_have_url(f"{web.url}/login?next=/alarms")
    await page.select_option("#user", "operator")
    await page.fill("#password", "guess")
    await page.click("button")
    await expect(page.get_by_role("alert")).to_have_text("Wrong user or password.")
    await page.fill("#password", "look-and-act-too")
    await page.click("button")
    await expect(page).to_have_url(f"{web.url}/alarms")
    await page.get_by_role("button", name="Log out").click()
    await page.goto(f"{web.url}/health")
    await expect(page).to_have_url(f"{web.url}/login?next=/health")


@pytest.mark.parametrize("path", [*PATHS.values(), "/sensor/S", "/docs", "/openapi.json"])
def test_pages_are_closed_to_those_who_have_not_logged_in(web: Web, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    # Its socket is closed when all is read.
    answer.read()
    assert (answer.status, answer.headers["Location"]) == (303, f"/login?next={path}")
    assert "frame-ancestors 'none'" in (answer.headers["Content-Security-Policy"] or "")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    connection.close()


def test_login_leads_to_no_other_site(web: Web) -> None:
    for elsewhere in ("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"):
        _, page = fetch(f"{web.url}/login?next={elsewhere}")
        assert 'name="next" value="/"' in page


def test_web_socket_is_closed_to_those_who_have_not_logged_in(web: Web) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    }
    connection.request("GET", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket", headers=upgrade)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 403
    connection.close()


def test_rest_interface_gives_a_token_as_the_reference_says(web: Web, tmp_path: Path) -> None:
    section = REST.split("    token=$(curl", 1)[1].split("\n\n", 1)[0]
    shown = f"token=$(curl{section}".replace("127.0.0.1:8080", f"127.0.0.1:{web.port}")
    form = tmp_path / "rest"
    form.write_text(f"username=viewer&password={PASSWORDS['viewer']}\n")
    shown = shown.replace("var/clients/viewer/rest", str(form))
    done = subprocess.run(["sh", "-ec", shown], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603, S607
    assert "sensors" in json.loads(done.stdout) or "items" in json.loads(done.stdout)
    assert fetch(f"{web.url}/api/v1/sensors")[0] == 401
