"""The REST interface as programs see it, and something of every kind to ask for."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import uvicorn
from bson import Decimal128, ObjectId
from fastapi import FastAPI
from pymongo.database import Database

from broker.messages import IngestorStatus
from ingestor.documents import alarm_id, format_timestamp, measure_id, utc_now
from monitor.queries.database import open_database
from monitor.web.api.app import make_api
from monitor.web.api.errors import add_error_handlers
from monitor.web.auth.auth_middleware import AuthMiddleware
from monitor.web.auth.sessions import Authenticator
from monitor.web.ingestors import IngestorReport

Document = dict[str, Any]

PASSWORDS = {"viewer": "look-only-please", "operator": "look-and-act-too"}
# Passwords are slow on purpose, and the machine may be busy.
ANSWER_S = 30
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Api:
    """The interface, with a token."""

    url: str
    token: str
    client: httpx.AsyncClient

    async def get(self, path: str, **asked: Any) -> Any:  # noqa: ANN401 - JSON
        answer = await self.client.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def all(self, path: str, **asked: Any) -> list[Any]:  # noqa: ANN401
        """What all pages have."""
        items: list[Any] = []
        after: dict[str, str] = {}
        for _ in range(1000):
            page = await self.get(path, **asked, **after)
            items += page["items"]
            if page["next"] is None:
                return items
            assert len(page["items"]) == asked["limit"]
            after = {"after": page["next"]}
        raise AssertionError("this goes on for ever")


@asynccontextmanager
async def serving(mongo_url: str) -> AsyncIterator[Api]:
    access = Authenticator({"viewer": PASSWORDS["viewer"], "operator": PASSWORDS["operator"]})
    status = IngestorStatus(state="online", since=datetime.now(UTC), received=3, stored=3)
    reports = {"ingestor": IngestorReport(status, utc_now())}
    async with open_database(mongo_url) as database:
        app = FastAPI(openapi_url=None)
        add_error_handlers(app)  # a path with a line break in it comes to no mounted application
        app.mount("/api/v1", make_api(database, access, reports))
        config = uvicorn.Config(AuthMiddleware(app, access), log_level="error", ws="none", lifespan="off")
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            # Only uvloop does so by itself; else each answer takes 40 ms.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.create_task(server.serve([listener]))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1"
            try:
                async with httpx.AsyncClient(base_url=url, timeout=ANSWER_S) as client:
                    form = {"username": "viewer", "password": PASSWORDS["viewer"]}
                    token = (await client.post("/token", data=form)).json()["access_token"]
                    client.headers["Authorization"] = f"Bearer {token}"
                    yield Api(url, token, client)
            finally:
                server.should_exit = True
                await task


class Stock:
    """Puts documents of one site into the database.

    Args:
        database: As its administrator sees it.
        site: The site.
    """

    def __init__(self, database: Database[Document], site: str) -> None:
        self.database = database
        self.site = site

    def clear(self) -> None:
        for name in ("sensors", "measures", "hourly", "daily", "alarms"):
            self.database[name].delete_many({"site": self.site})
        self.database.rejected.delete_many({"topic": {"$regex": f"^energy/readings/{self.site}/"}})

    def put(self, collection: str, documents: list[Document], **more: object) -> None:
        ready = [{"site": self.site, **each, **more} for each in documents]
        self.database[collection].insert_many(ready, ordered=False, bypass_document_validation=True)

    def sensor(self, sensor_id: str, **more: object) -> None:
        self.put("sensors", [{"_id": sensor_id, "sensor_id": sensor_id}], **more)

    def readings(self, sensor_id: str, start: datetime, values_kwh: list[float], **more: object) -> None:
        """Readings, one a second."""
        self.put(
            "measures",
            [_measure(sensor_id, start + n * SECOND, kwh) for n, kwh in enumerate(values_kwh)],
            **more,
        )

    def hours(self, sensor_id: str, start: datetime, energies_kwh: list[float], **more: object) -> None:
        """Hours, and the days that begin with one of them."""
        documents = [_period(sensor_id, start + n * HOUR, kwh) for n, kwh in enumerate(energies_kwh)]
        days = [{**each, "_id": each["_id"][:-3]} for each in documents if each["start"].hour == 0]
        self.put("hourly", documents, **more)
        if days:
            self.put("daily", days, **more)

    def alarm(self, sensor_id: str, rule: str, since: datetime, **more: object) -> None:
        self.put("alarms", [_alarm(sensor_id, rule, since)], **more)

    def reject(self, sensor_id: str, at: datetime, **more: object) -> None:
        refused = {
            "_id": ObjectId(),
            "payload": b"\xff{",
            "kind": "not_json",
            "reason": "no JSON",
            "received_at": at,
        }
        topic = f"energy/readings/{self.site}/{sensor_id}"
        self.database.rejected.insert_one(
            {**refused, "topic": topic, **more}, bypass_document_validation=True
        )

    def everything(self, sensor_id: str, at: datetime) -> None:
        """Something of every kind at about a time, some of it spoiled by hand."""
        self.sensor(
            sensor_id, location="Room 1", own_location="Room 7", first_reading=at, last_reading=at,
            shelved={"silent": {"until": at, "user": "ada"}, "stuck": 5}, threshold_kwh=12, interval_s=1.0,
        )  # fmt: skip
        self.readings(sensor_id, at, [1.0, 13.0] * 30)
        self.hours(sensor_id, at.replace(minute=0, second=0, microsecond=0) - 24 * HOUR, [1.5] * 48)
        self.alarm(sensor_id, "silent", at)
        self.alarm(sensor_id, "stuck", at, cleared_at=at + HOUR, waits=False)
        self.reject(sensor_id, at)
        self.reject(sensor_id, at, payload="text", reason=7, row=2.5, sequence=[])
        self.spoil(sensor_id, at)

    def spoil(self, sensor_id: str, at: datetime) -> None:
        """Documents as nobody but a person by hand would write them."""
        odd = itertools.cycle(
            [None, "text", [1], {"a": 1}, float("nan"), float("inf"), 10**18, True, Decimal128("1.5")]
        )
        for number in range(9):
            name = f"{sensor_id}@{format_timestamp(at)[:10]}T99.{number}"
            junk = {
                key: next(odd)
                for key in ("location", "value_kwh", "is_anomaly", "received_at", "threshold_kwh")
            }
            self.put("measures", [{"_id": name, "timestamp": at, **junk}])
            sums = {
                key: next(odd)
                for key in ("energy_kwh", "count", "max_kwh", "anomalies", "computed_at", "sensor_id")
            }
            self.put("hourly", [{"_id": name, "start": at, **sums}])
            state = {
                key: next(odd) for key in ("rule", "message", "since", "cleared_at", "waits", "limit_kwh")
            }
            self.put(
                "alarms",
                [{"_id": f"{sensor_id}@{number}", "sensor_id": sensor_id, "changed_at": at, **state}],
            )
            known = {
                key: next(odd) for key in ("location", "own_location", "first_reading", "shelved", "status")
            }
            self.sensor(f"{sensor_id}-odd-{number}", **known)


def _measure(sensor_id: str, at: datetime, value_kwh: float) -> Document:
    return {
        "_id": measure_id(sensor_id, format_timestamp(at)),
        "sensor_id": sensor_id,
        "location": "Room 1",
        "value_kwh": value_kwh,
        "timestamp": at,
        "is_anomaly": value_kwh > 12,
        "status_message": "Consumption is normal.",
        "received_at": at,
    }


def _period(sensor_id: str, start: datetime, energy_kwh: float) -> Document:
    return {
        "_id": measure_id(sensor_id, format_timestamp(start)[:13]),
        "sensor_id": sensor_id,
        "start": start,
        "energy_kwh": energy_kwh,
        "count": 10,
        "max_kwh": energy_kwh / 2,
        "anomalies": 1,
        "computed_at": start,
    }


def _alarm(sensor_id: str, rule: str, since: datetime) -> Document:
    times = dict.fromkeys(("cleared_at", "acknowledged_at", "retracted_at", "notified_at"))
    return {
        "_id": alarm_id(sensor_id, rule, since),
        "sensor_id": sensor_id,
        "rule": rule,
        "severity": "major",
        "message": "nothing comes",
        "since": since,
        "raised_at": since,
        "changed_at": since,
        "limit_kwh": None,
        "peak_kwh": 13.5,
        "waits": True,
        "acknowledged_by": None,
        "in_storm": False,
        **times,
    }
