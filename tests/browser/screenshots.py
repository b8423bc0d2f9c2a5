"""Pictures of all pages for docs/: a system with five weeks behind it, some of it wrong, in a browser.

Run it as scripts/screenshots. Five weeks are written straight into the database; what is now is published.
"""

import asyncio
import json
import math
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page
from pymongo import MongoClient
from pymongo.database import Database

from broker.topics import SensorKey
from ingestor.documents import alarm_id, day_of, format_timestamp, hour_of, to_measure
from stack.secrets.credentials import DATABASE, Credentials
from stack.servers import start_servers
from tests.browser.web import NARROW, WIDE, Web, start_browser
from tests.servers import RunningIngestor, Wire, eventually

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs" / "pages"
SITES = {"lari": 8, "annex": 6, "workshop": 4}
NAMES = {"lari": "Lab", "annex": "Annex", "workshop": "Workshop"}
TOO_HIGH = {"Lab-03", "Annex-02"}
THRESHOLD_KWH = 12.0
DAYS = 35
EVERY = timedelta(minutes=10)
# Each page's path, and what is there when it is drawn.
PAGES = {
    "now": ("/", ".spark polyline"),
    "sensor": ("/sensor/Lab-03?span=24 h", "canvas"),
    "alarms": ("/alarms", "li.alarm"),
    "compare": ("/compare", "canvas"),
    "health": ("/health", "details"),
}


def sensors() -> Iterator[tuple[str, int, str]]:
    """Site, number and name of each."""
    for site, count in SITES.items():
        for number in range(1, count + 1):
            yield site, number, f"{NAMES[site]}-{number:02}"


def usual_kwh(moment: datetime, number: int, rng: random.Random) -> float:
    """What a machine uses in ten minutes: more by day, less at weekends; now and then too much."""
    by_day = max(0.0, math.sin((moment.hour + moment.minute / 60 - 6) / 13 * math.pi))
    share = 0.35 if moment.weekday() >= 5 else 1.0
    value = 0.6 + 0.2 * number % 1 + 6.5 * by_day * share * rng.uniform(0.75, 1.2)
    return round(value * (2.2 if rng.random() < 0.002 else 1.0), 2)


def history(rng: random.Random) -> Iterator[dict[str, Any]]:
    """Readings of all sensors until now."""
    now = datetime.now(UTC).replace(tzinfo=None, second=0, microsecond=0)
    for site, number, sensor in sensors():
        moment = now - timedelta(days=DAYS)
        while moment < now - 1.5 * EVERY:
            value = usual_kwh(moment, number, rng)
            row: Any = {"sensor_id": sensor, "value_kwh": value, "location": f"{NAMES[site]}, room {number}"}
            threshold = THRESHOLD_KWH if value > THRESHOLD_KWH else None
            place = SensorKey(site, sensor)
            yield dict(to_measure(row, place, (moment, format_timestamp(moment)), threshold, moment))
            moment += EVERY


def episodes(measures: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The alarms of the past: each anomaly was one, over with the next reading."""
    for each in measures:
        if each["is_anomaly"]:
            since = each["timestamp"]
            yield {
                "_id": alarm_id(each["sensor_id"], "overconsumption", since),
                **{name: each[name] for name in ("sensor_id", "site")},
                "rule": "overconsumption",
                "severity": "major",
                "message": f"{each['value_kwh']} kWh, above the threshold of {THRESHOLD_KWH} kWh",
                **dict.fromkeys(("since", "raised_at"), since),
                **dict.fromkeys(("cleared_at", "changed_at", "acknowledged_at"), since + EVERY),
                "acknowledged_by": "maria",
                "limit_kwh": THRESHOLD_KWH,
                "peak_kwh": each["value_kwh"],
                **dict.fromkeys(("waits", "in_storm"), False),
                **dict.fromkeys(("retracted_at", "notified_at")),
            }


def sum_up(measures: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Hours and days, as the ingestor computes them."""
    periods: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for each in measures:
        hour = hour_of(each["_id"])
        starts = each["timestamp"].replace(minute=0), each["timestamp"].replace(hour=0, minute=0)
        for found, name, start in zip(periods, (hour, day_of(hour)), starts, strict=True):
            period = found.setdefault(
                name, {"_id": name, "sensor_id": each["sensor_id"], "site": each["site"]}
            )
            period["start"] = period["computed_at"] = start
            period["energy_kwh"] = period.get("energy_kwh", 0.0) + each["value_kwh"]
            period["count"] = period.get("count", 0) + 1
            period["max_kwh"] = max(period.get("max_kwh", 0.0), each["value_kwh"])
            period["anomalies"] = period.get("anomalies", 0) + each["is_anomaly"]
    return list(periods[0].values()), list(periods[1].values())


def fill(database: Database[dict[str, Any]]) -> None:
    """Store five weeks."""
    measures = list(history(random.Random(7)))
    for each in measures:
        if each["is_anomaly"]:
            each["alerted_at"] = each["received_at"]
    hours, days = sum_up(measures)
    database.measures.insert_many(measures)
    database.alarms.insert_many(episodes(measures))
    database.hourly.insert_many(hours)
    database.daily.insert_many(days)


async def live(wire: Wire) -> None:
    """The last readings, of which two are too high; and some payloads that are no readings at all."""
    now = datetime.now(UTC)
    for site, number, sensor in sensors():
        for ago, factor in ((EVERY - timedelta(seconds=5), 1.0), (timedelta(0), 1.4)):
            value = round(7.0 + number / 3 + factor, 2) if sensor not in TOO_HIGH else round(9.4 * factor, 2)
            reading = {"sensor_id": sensor, "location": f"{NAMES[site]}, room {number}", "value_kwh": value}
            reading["timestamp"] = (now - ago).isoformat(timespec="milliseconds")
            await wire.publish(f"energy/readings/{site}/{sensor}", json.dumps(reading))
    await wire.publish("energy/readings/annex/Annex-04", '{"sensor_id": "Annex-04", "value_kwh": "3,4 kWh"}')
    await wire.publish("energy/readings/lari/Lab-05", '{"sensor_id": "Lab-06", "value_kwh": 2.5}')


async def shoot(web: Web, browser: Browser) -> None:
    """All pages, wide in light and narrow in dark."""
    DOCS.mkdir(parents=True, exist_ok=True)
    for size, theme in ((WIDE, "light"), (NARROW, "dark")):
        page = await web.open(browser, viewport=size, color_scheme=theme)
        for name, (path, drawn) in PAGES.items():
            await page.goto(web.url + path)
            await page.wait_for_selector(drawn)
            if name == "health":
                await page.locator("summary").last.click()
            await settle(page)
            file = DOCS / f"{name}-{size['width']}.png"
            await page.screenshot(path=file)
            sys.stdout.write(f"{file.relative_to(ROOT)}\n")


async def settle(page: Page) -> None:
    """Charts and sparks are drawn within two rounds of the page."""
    await page.wait_for_timeout(2500)


async def main() -> None:
    """Start everything, fill it, and take the pictures."""
    folder = Path(tempfile.mkdtemp(prefix="energy-pages-"))
    async with start_servers(folder, Credentials.generate()) as servers:
        ingestor = RunningIngestor(servers, "+", folder / "ingestor.log", ("--name", "ingestor"))
        await ingestor.start()
        with MongoClient[dict[str, Any]](servers.mongo("admin")) as client:
            fill(client[DATABASE])
            async with Wire(servers.mqtt("sensors")) as wire:
                await live(wire)
                count = len(list(sensors()))
                await eventually(lambda: client[DATABASE].sensors.count_documents({}) == count)
                # Until the hours of these readings are added up.
                await asyncio.sleep(12)  # so that charts have something to show
                async with Web(servers, folder / "web.log").running() as web, start_browser() as browser:
                    await shoot(web, browser)
        await ingestor.stop()


if __name__ == "__main__":
    asyncio.run(main())
