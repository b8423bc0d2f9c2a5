"""Programs attack the REST interface: all that it says it has, so that a new path is attacked by itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import httpx
import pytest
from pymongo.database import Database

from ingestor.documents import alarm_id, utc_now
from monitor.web.auth.sessions import SESSION_LIFETIME_S
from stack.servers import Servers
from tests.integration.api import Stock
from tests.security.own_site import OwnSite, own_site
from tests.security.rest import OPEN, Operation, ask, bearer, operations
from tests.security.web import WebSite

pytestmark = pytest.mark.integration

# What asks thousands of times, and is answered by the same code over https.
HTTPS_IS_LONG = pytest.mark.parametrize(
    "website", ["http", pytest.param("https", marks=pytest.mark.long)], indirect=True
)

CANARY = "Room of the canary"
Documents = Database[dict[str, Any]]
# What somebody shows who has not logged in, or has not any more; and a build that takes it.
SHOWN = {
    "nothing": "rest_of_anybody",
    "nonsense": "any_token",
    "half-a-token": "any_token",
    "a-token-and-more": "any_token",
    "expired": "tokens_for_ever",
    "logged-out": "no_log_out",
    "in-the-address": "token_in_address",
    "in-the-address-as-oauth-has-it": "token_in_address",
    "in-another-cookie": "rest_of_anybody",
}
LONG = 20_000
HOSTILE = (
    "$gt",
    '{"$ne": null}',
    '{"$where": "sleep(1000)"}',
    "$where",
    ".*",
    "^",
    "(a+)+$",
    "[",
    "\\",
    "\0",
    "a\0b",
    "\r\nX-Injected: yes\r\n\r\n<html>",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "'; return true; var a='",
    "9" * 400,
    "-1",
    "1e999",
    "NaN",
    "0x10",
    "true",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "\u202e",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "%s%n",
    "x" * LONG,
    "",
)
SITES_OWN = ("sensors", "measures", "hourly", "daily", "alarms")
BRACKETS = ("[$ne]", "[$gt]", "[$regex]", "[]", ".$ne", "[$where]")


class Case:
    """What there is to steal, and its names."""

    def __init__(self, database: Documents, site: str, sensor: str) -> None:
        self.database = database
        self.site = site
        now = utc_now()
        self.stock = Stock(database, site)
        self.stock.everything(sensor, now)
        # Some of them are spoiled, and stay so.
        database.sensors.update_many(
            {"site": site}, {"$set": {"location": CANARY}}, bypass_document_validation=True
        )
        self.names = {"sensor_id": sensor, "alarm_id": alarm_id(sensor, "silent", now)}

    def documents(self) -> dict[str, list[bytes]]:
        """Everything of the site, as it is stored: some of it is not equal to itself."""
        wanted: dict[str, Any] = {name: {"site": self.site} for name in SITES_OWN}
        # These two are searched by their names: other tests have left a lot there.
        wanted["measures"]["_id"] = {"$regex": f"^{self.names['sensor_id']}"}
        wanted["rejected"] = {"topic": {"$regex": f"^energy/readings/{self.site}/"}}
        found = {name: self.database[name].find(condition).sort("_id") for name, condition in wanted.items()}
        return {name: [bson.encode(each) for each in documents] for name, documents in found.items()}

    def is_told_in(self, answer: httpx.Response) -> bool:
        return any(each in answer.text for each in (CANARY, self.site, self.names["sensor_id"]))


@pytest.fixture
def case(database: Documents, site: str, sensor: str) -> Iterator[Case]:
    try:
        yield Case(database, site, sensor)
    finally:
        Stock(database, site).clear()


async def show(site: WebSite, what: str) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and parameters of somebody who shows something."""
    if what == "nothing":
        return {}, {}
    token = await site.log_in("operator")
    if what == "expired":
        assert isinstance(site, OwnSite)
        site.clock.ahead_s += SESSION_LIFETIME_S
    elif what == "logged-out":
        await site.log_out(token)
    ways: dict[str, tuple[dict[str, str], dict[str, str]]] = {
        "nonsense": (bearer("nonsense"), {}),
        "half-a-token": (bearer(token[:-1]), {}),
        "a-token-and-more": (bearer(f"{token}x"), {}),
        "in-another-cookie": ({"Cookie": f"token={token}"}, {}),
        "in-the-address": ({}, {"token": token}),
        "in-the-address-as-oauth-has-it": ({}, {"access_token": token}),
    }
    return ways.get(what, (bearer(token), {}))


async def let_in(site: WebSite, case: Case, what: str) -> list[str]:
    """The operations that do not turn somebody away who shows this, or tell them something."""
    headers, asked = await show(site, what)
    through = []
    async with site.browser(headers=headers) as attacker:
        for operation in await operations(site):
            if (operation.method, operation.path) in OPEN:
                continue
            answer = await ask(attacker, operation, case.names, **asked)
            is_rejected = answer.status_code == 401 and answer.json()["kind"] == "token"
            if not is_rejected or case.is_told_in(answer):
                through.append(str(operation))
    return through


@pytest.mark.parametrize("what", [each for each in SHOWN if each != "expired"])
async def test_operation_is_nobodys_without_a_good_token(website: WebSite, case: Case, what: str) -> None:
    assert await let_in(website, case, what) == []


async def test_operation_is_nobodys_when_their_time_is_over(
    servers: Servers, tmp_path: Path, case: Case
) -> None:
    async with own_site(servers, tmp_path) as site:
        assert await let_in(site, case, "expired") == []


@pytest.mark.parametrize("what", SHOWN)
async def test_without_the_check_it_would_be(servers: Servers, tmp_path: Path, case: Case, what: str) -> None:
    async with own_site(servers, tmp_path, SHOWN[what]) as broken:
        assert "GET /health" in await let_in(broken, case, what)


async def changes(site: WebSite, case: Case) -> list[str]:
    """What operations and other methods change, though the interface says that it only reads."""
    before = case.documents()
    assert all(before.values())
    changed = []
    for role in ("viewer", "operator"):
        async with site.browser(headers=bearer(await site.log_in(role))) as program:
            for operation in await operations(site) + await operations(site, offered=False):
                if operation.path == "/token":
                    continue
                answer = await ask(program, operation, case.names)
                assert answer.status_code < 500, operation
                if operation.method not in {"GET", "HEAD"}:
                    assert answer.status_code == 405, operation
                    assert not case.is_told_in(answer)
                if case.documents() != before:
                    changed.append(f"{role}: {operation}")
                    before = case.documents()
    return changed


@HTTPS_IS_LONG
async def test_nobody_changes_anything_by_it(website: WebSite, case: Case) -> None:
    assert await changes(website, case) == []


async def test_if_it_wrote_that_would_be_seen(servers: Servers, tmp_path: Path, case: Case) -> None:
    async with own_site(servers, tmp_path, "reading_writes") as broken:
        assert await changes(broken, case) == ["viewer: GET /sensors/{sensor_id}"]


# What narrows an answer: whoever gets past it sees what they did not ask for.
NARROWING = {"site", "sensor", "rule", "sensor_id", "alarm_id"}


def is_harmless(case: Case, name: str, answer: httpx.Response) -> bool:
    """Whether an answer to something hostile tells nothing that was not asked for, and breaks nothing."""
    if answer.status_code not in {200, 401, 404, 405, 422} or "X-Injected" in answer.headers:
        return False
    if not answer.headers["Content-Type"].startswith("application/json"):
        return False
    return name not in NARROWING or not case.is_told_in(answer)


async def harmed(site: WebSite, case: Case, operation: Operation) -> list[str]:
    """What was asked that did harm."""
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
    for name in operation.parameters("query"):
        asked += [(name, {}, {name: value}) for value in HOSTILE if value or name not in NARROWING]
        asked += [(name, {}, {f"{name}{bracket}": "x"}) for bracket in BRACKETS]
    for name in operation.parameters("path"):
        asked += [(name, {name: value}, {}) for value in HOSTILE if 0 < len(value) < LONG]
    wrong = []
    async with site.browser(headers=bearer(await site.log_in("viewer"))) as program:
        for name, named, query in asked:
            names = {**case.names, "sensor_id": "x", **named}
            try:
                answer = await ask(program, operation, names, **query)
            except httpx.TransportError:
                wrong.append(f"{operation} {ascii(named | query)[:60]}: no answer")
                continue
            # A parameter that there is not is rejected, whatever it would have meant.
            is_unknown = any(each.endswith(BRACKETS) for each in query)
            if not is_harmless(case, name, answer) or (is_unknown and answer.status_code != 422):
                wrong.append(f"{operation} {ascii(named | query)[:60]}: {answer.status_code}")
    return wrong


@HTTPS_IS_LONG
async def test_no_parameter_says_more_than_its_name(website: WebSite, case: Case) -> None:
    attacked = [each for each in await operations(website) if each.path != "/token"]
    assert sum(len(each.parameters("query")) for each in attacked) >= 30
    for operation in attacked:
        assert await harmed(website, case, operation) == []


async def test_if_names_were_patterns_they_would(servers: Servers, tmp_path: Path, case: Case) -> None:
    async with own_site(servers, tmp_path, "names_are_patterns", quiet=False) as broken:
        found = [each for each in await operations(broken) if each.path == "/sensors"]
        wrong = await harmed(broken, case, found[0])
    assert "GET /sensors {'site': '.*'}: 200" in wrong
    # MongoDB rejects the pattern, and all its errors read as if the database were away.
    assert "GET /sensors {'site': '['}: 503" in wrong


async def test_if_any_parameter_were_taken_it_would_be_answered(
    servers: Servers, tmp_path: Path, case: Case
) -> None:
    async with own_site(servers, tmp_path, "any_parameter") as broken:
        found = [each for each in await operations(broken) if each.path == "/sensors"]
        assert "GET /sensors {'site[$ne]': 'x'}: 200" in await harmed(broken, case, found[0])


async def test_with_a_good_token_everything_is_answered(website: WebSite, case: Case) -> None:
    async with website.browser(headers=bearer(await website.log_in("viewer"))) as viewer:
        for operation in await operations(website):
            if operation.path != "/token":
                assert (await ask(viewer, operation, case.names)).status_code == 200, operation


HEADERS = {
    "empty": {"Authorization": b""},
    "bearer-of-nothing": {"Authorization": b"Bearer"},
    "two-words": {"Authorization": b"Bearer a b"},
    "basic": {"Authorization": b"Basic dmlld2VyOmxvb2stb25seQ=="},
    "bytes": {"Authorization": b"Bearer \xff\xfe\x80"},
    "tab": {"Authorization": b"Bearer\tx"},
    "long": {"Authorization": b"Bearer " + b"x" * 30_000},
    "cookie": {"Cookie": b'energy_monitor="\\000\\377"; =; ;;'},
    "forwarded": {"X-Forwarded-For": b"\xff, ::1, [", "X-Forwarded-Proto": b"https, gopher"},
    "host": {"Host": b"[::1"},
    "origin": {"Origin": b"http://[", "Sec-Fetch-Site": b"\xff"},
}


@HTTPS_IS_LONG
@pytest.mark.parametrize("name", HEADERS)
async def test_header_is_no_way_in_and_breaks_nothing(website: WebSite, case: Case, name: str) -> None:
    async with website.browser() as attacker:
        for operation in await operations(website):
            if (operation.method, operation.path) in OPEN:
                continue
            request = attacker.build_request(operation.method, operation.url(case.names))
            given = [(key.encode(), value) for key, value in HEADERS[name].items()]
            kept = [each for each in request.headers.raw if each[0] not in {key for key, _ in given}]
            request.headers = httpx.Headers([*kept, *given])
            answer = await attacker.send(request)
            # From another site, changes are rejected even before a token is looked for; so is a wrong name.
            assert answer.status_code in {401, {"origin": 403, "host": 421}.get(name, 401)}
            assert not case.is_told_in(answer)
