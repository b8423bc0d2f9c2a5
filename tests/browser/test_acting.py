"""What people see and do on the running system, in a real browser."""

import json
import subprocess
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from stack.servers import Servers
from tests.browser.web import Web
from tests.listener import Listener
from tests.readings import payload
from tests.servers import Site, Wire, eventually

# The browser is a child of the session's loop.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def mosquitto_pub(servers: Servers, topic: str, message: str) -> None:
    """Publish as people do by hand."""
    password = servers.accounts.passwords["MQTT_SENSORS_PASSWORD"]
    who = ["-h", "127.0.0.1", "-p", str(servers.mqtt_port), "-u", "sensors", "-P", password]
    subprocess.run(["mosquitto_pub", *who, "-q", "1", "-t", topic, "-m", message], check=True)  # noqa: S603, S607


async def test_anomaly_appears_and_is_acknowledged_by_keyboard(
    browser: Browser, web: Web, meter: Site
) -> None:
    async with Wire(web.servers.mqtt("viewer")) as viewer, Wire(web.servers.mqtt("operator")) as operator:
        await viewer.listen(f"energy/alarms/{meter.site}/+")
        told = Listener(viewer, operator, meter)
        page = await web.open(browser)
        await page.evaluate("window.notReloaded = true")
        topic = f"energy/readings/{meter.site}/{meter.sensor}"
        mosquitto_pub(web.servers, topic, payload(meter.sensor, 13.57))
        alarm = page.locator("li.alarm", has_text=meter.sensor)
        await expect(alarm).to_contain_text("13.57 kWh, above the threshold of 12.0 kWh")
        await expect(alarm).to_contain_text("Active, not acknowledged")
        assert (await told.until("overconsumption"))["overconsumption"]["acknowledged"] is False
        for _ in range(40):
            await page.keyboard.press("Tab")
            label = await page.evaluate("document.activeElement.getAttribute('aria-label')")
            if label == f"Acknowledge overconsumption of {meter.sensor}":
                break
        await page.keyboard.press("Enter")
        await expect(alarm).to_contain_text("Active, acknowledged by operator")
        seen = json.loads(viewer.on(f"energy/alarms/{meter.site}/")[-1].payload)["alarms"][0]
        assert (seen["acknowledged"], seen["acknowledged_by"]) == (True, "operator")
        assert await page.evaluate("window.notReloaded") is True


async def test_shelved_rule_says_until_when(browser: Browser, web: Web, meter: Site) -> None:
    await meter.publish(payload(meter.sensor, 14.2))
    page = await web.open(browser, "/alarms")
    alarm = page.locator("li.alarm", has_text=meter.sensor)
    await alarm.get_by_role("button", name="Mute").click()
    await page.get_by_role("dialog").get_by_role("button", name="Mute").click()
    await expect(alarm).to_contain_text("muted until")
    await eventually(lambda: "overconsumption" in known(meter).get("shelved", {}))
    assert known(meter)["shelved"]["overconsumption"]["user"] == "operator"


def known(meter: Site) -> dict[str, Any]:
    found = meter.database.sensors.find_one({"sensor_id": meter.sensor})
    assert found is not None
    return found


async def test_viewer_sees_alarms_but_nothing_to_press(browser: Browser, web: Web, meter: Site) -> None:
    await meter.publish(payload(meter.sensor, 12.9))
    page = await web.open(browser, "/alarms", role="viewer")
    await expect(page.locator("li.alarm", has_text=meter.sensor)).to_be_visible()
    assert await page.get_by_role("button", name="Acknowledge").count() == 0
    assert await page.get_by_role("button", name="Mute").count() == 0


async def test_rejected_payload_is_repaired_and_stored(browser: Browser, web: Web, meter: Site) -> None:
    wrong = payload(meter.sensor, "1.5 kWh")
    await meter.publish(wrong)
    await meter.until_rejected(1)
    page = await web.open(browser, "/health")
    rejected = page.locator("details").filter(has=page.get_by_text(f"/{meter.site}/"))
    await rejected.locator("summary").click()
    await expect(rejected.locator("pre")).to_contain_text("1.5 kWh")
    await rejected.get_by_role("button", name="Repair").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert").filter(has_text="Not a valid reading")).to_be_visible()
    await dialog.get_by_label("Payload").fill(wrong.replace('"1.5 kWh"', "1.5"))
    await dialog.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert").filter(has_text="is stored")).to_be_visible()
    assert [each["value_kwh"] for each in meter.stored()] == [1.5]
    await expect(rejected.locator("summary")).to_contain_text("repaired")


async def test_location_and_threshold_are_set(browser: Browser, web: Web, meter: Site) -> None:
    await meter.publish(payload(meter.sensor, 5.0))
    await meter.until_stored(1)
    page = await web.open(browser)
    await page.get_by_label("Search").fill(meter.sensor)
    await expect(page.locator(".tile")).to_have_count(1)
    await page.get_by_role("link", name=meter.sensor).click()
    await page.get_by_role("button", name="Location and threshold").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Location").fill("Room 7")
    await dialog.get_by_label("Threshold").fill("4.5")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.locator(".lead")).to_contain_text("Room 7")
    await expect(page.locator("dl").first).to_contain_text("4.5 kWh")
    sensor = known(meter)
    assert (sensor["own_location"], sensor["threshold_kwh"]) == ("Room 7", 4.5)


async def test_tile_that_changes_under_the_mouse_is_clicked_all_the_same(
    browser: Browser, web: Web, meter: Site
) -> None:
    await meter.publish(payload(meter.sensor, 5.0))
    page = await web.open(browser)
    await page.get_by_label("Search").fill(meter.sensor)
    tile = page.locator(".tile")
    await expect(tile).to_have_count(1)
    # The mouse is above the value, which is drawn anew; what takes the click may be the tile itself.
    await tile.locator(".tile-value").hover(force=True)
    await page.mouse.down()
    await meter.publish(payload(meter.sensor, 6.25))
    await expect(tile).to_contain_text("6.25")
    await page.mouse.up()
    await page.wait_for_url(f"**/sensor/{meter.sensor}")
