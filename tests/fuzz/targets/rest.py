"""Questions to the REST interface: an input is a path, a ``?`` and what is asked.

The database is one that notes what it is asked and then does not answer. Whatever is asked for, the answer is
a word and a sentence, and a question comes to the database only if each part is what the interface says.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote

import bson
from pymongo.errors import AutoReconnect
from starlette.types import Scope

from monitor.queries.database import QueryDatabase
from monitor.queries.paging import PageCursor
from monitor.web.api.app import make_api
from monitor.web.auth.sessions import Authenticator, Session

# Of which nothing else can be asked.
is_one_thing = re.compile(r"/(sensors|alarms)/[^/]*").fullmatch
is_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
KINDS = {
    "input",
    "range",
    "combination",
    "cursor",
    "time_zone",
    "too_much",
    "not_found",
    "method",
    "database",
}
PARAMETERS = {
    "site", "sensor", "limit", "after", "from", "to", "anomalies", "state", "rule", "severity", "resolution",
    "points", "time_zone", "unit", "by",
}  # fmt: skip
OPERATORS = {
    "$and", "$anomalies", "$count", "$divide", "$exists", "$expr", "$floor", "$group", "$gt", "$gte",
    "$in", "$kind", "$limit", "$literal", "$lt", "$lte", "$match", "$max", "$min", "$natural", "$nor",
    "$or", "$regex", "$set", "$site", "$sort", "$start", "$subtract", "$sum", "$timestamp", "$topic",
    "$type", "$unset",
}  # fmt: skip
_AFTER = str(PageCursor(datetime(2026, 11, 23), "S-1@x"))  # noqa: DTZ001 - as documents have it
_NAMES: tuple[Any, ...] = (
    {"$gt": ""},
    [1],
    None,
    bson.Regex("(a+)+"),
    bson.Code("x"),
    bson.MinKey(),
    2**62,
    float("nan"),
)
_ODD = [PageCursor(datetime(2026, 11, 23), each) for each in _NAMES]  # noqa: DTZ001 - as documents have it
SEEDS = tuple(
    text.encode(errors="surrogatepass")
    for text in (
        "/sensors",
        "/sensors?site=lari&site=annex&limit=3&after=S-1",
        "/sensors/S-1",
        "/sensors/%0a",
        "/sensors/%E2%80%AE",
        "/sensors/S-1/measures?from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00%2B01:00&points=2",
        "/sensors/S-1/measures?resolution=auto&after=raw~2026",
        "/measures?from=2026-11-23T00:00:00Z&anomalies=true",
        f"/measures?after={_AFTER}",
        f"/alarms?state=all&after={_AFTER}&severity=major&rule=silent",
        *(f"/measures?after={mark}" for mark in _ODD),
        "/measures?after=" + "A" * 1500,
        "/measures?after=%ff%00",
        "/measures?from=0001-01-01T00:00:00%2B14:00",
        "/measures?from=1970-01-01T00:00:00%2B14:00&to=2199-12-31T23:59:59.999999999-14:00",
        "/measures?from=2026-02-30T00:00:00Z",
        "/measures?from=2026-11-23T00:00:00Z&to=2026-11-23T00:00:00Z",
        "/measures?from=2026-11-23",
        "/measures?limit=5001",
        "/measures?limit=" + "9" * 5000,
        "/measures?site[$ne]=x",
        "/measures?site=$ne",
        "/measures?site=" + "&site=a" * 101,
        "/measures?$where=1",
        "/measures?" + "x" * 60_000 + "=1",
        "/measures?\u202e=1",
        "/rejected?sensor=S-1&limit=100",
        "/rejected?sensor=.*",
        "/energy?unit=hour&by=sensor&time_zone=Europe/Berlin",
        "/energy?time_zone=../../etc/passwd",
        "/energy?time_zone=a/" + "b" * 62,
        "/energy?from=2020-01-01T00:00:00Z",
        "/energy?from=2026-11-27T15:00:01Z&to=2026-11-27T15:59:59Z",
        "/energy/heat?time_zone=",
        "/energy/peaks?limit=0",
        "/health",
        "/ingestors",
        "/alarms/" + "x" * 201,
        "/nothing/%00",
        "",
    )
)
TOKENS = (
    *b"/sensors /sensors/S-1/measures /measures /alarms /rejected /energy /energy/heat /energy/peaks".split(),
    *b"site= sensor= limit= after= from= to= time_zone= unit= by= state= points= resolution=".split(),
    *b"2026-11-23T00:00:00Z %2B01:00 Europe/Berlin hourly total raw~ %00 %E2%80%AE [$ne] & ?".split(),
    _AFTER.encode(),
)


class Nowhere:
    """Notes what is asked, and then does not answer."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __getitem__(self, _: str) -> "Nowhere":
        return self

    def with_options(self, **_: Any) -> "Nowhere":  # noqa: ANN401
        return self

    def find(self, *asked: Any, **_: Any) -> "Nowhere":  # noqa: ANN401
        self.asked += asked
        return self

    aggregate = sort = limit = hint = batch_size = max_time_ms = find

    async def command(self, *_: Any) -> None:  # noqa: ANN401
        """It is there."""

    async def to_list(self, *asked: Any, **_: Any) -> NoReturn:  # noqa: ANN401
        self.asked += asked
        raise AutoReconnect("nobody is there")

    find_one = count_documents = distinct = estimated_document_count = to_list

    def __aiter__(self) -> "Nowhere":
        return self

    __anext__ = to_list


_nowhere = Nowhere()
_session = Session("viewer")
_app: Callable[[Scope, Any, Any], Awaitable[None]] = make_api(
    QueryDatabase(_nowhere), Authenticator({"viewer": "a"}), {}
)


def check(data: bytes) -> None:
    path, _, query = data.partition(b"?")
    _nowhere.asked.clear()
    status, body = asyncio.run(_ask(path, query))
    if status == 200:
        # Of a time in which no hour begins there is nothing to ask.
        is_nothing = path.startswith(b"/energy") and json.loads(body) == {"items": []}
        assert is_nothing or path.startswith((b"/health", b"/ingestors", b"/openapi.json")), path
        return
    said = json.loads(body)
    assert said.keys() == {"kind", "detail"}, said
    assert said["kind"] in KINDS
    assert said["detail"].strip()
    assert "Traceback" not in said["detail"]
    if _nowhere.asked:
        assert status == 503, f"{status}, though the database was asked"
        if not is_one_thing(unquote(path.decode("latin-1"))):
            _check_asked(query)
        for each in _nowhere.asked:
            bson.encode({"asked": each})
            assert {*_keys(each)} <= OPERATORS, {*_keys(each)} - OPERATORS
    else:
        assert status in {404, 405, 422, 503}


async def _ask(path: bytes, query: bytes) -> tuple[int, bytes]:
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "root_path": "",
        "scheme": "http",
        "query_string": query,
        "headers": [(b"host", b"localhost")],
        "state": {"session": _session},
    }
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI
        said.append(message)

    await _app(scope, receive, send)
    return said[0]["status"], b"".join(each.get("body", b"") for each in said[1:])


def _check_asked(query: bytes) -> None:
    """Each part of the question is what the interface says."""
    asked = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    assert {name for name, _ in asked} <= PARAMETERS
    for name, value in asked:
        if name in {"site", "sensor"}:
            assert is_id(value), f"{name} {value!a} comes to the database"
    # Of what is given twice, the last counts.
    last = dict(asked)
    assert 1 <= int(last.get("limit", 1)) <= 5000
    assert len(last.get("after", "")) <= 1500
    times = [datetime.fromisoformat(last[name].upper()) for name in ("from", "to") if name in last]
    assert times == sorted(times)
    assert all(1969 <= each.year <= 2200 for each in times)


def _keys(asked: object) -> Iterator[str]:
    """The operators in a question; what stands behind ``$literal`` is none."""
    if isinstance(asked, dict):
        for name, value in asked.items():
            if name.startswith("$"):
                yield name
            if name != "$literal":
                yield from _keys(value)
    elif isinstance(asked, list | tuple):
        for each in asked:
            yield from _keys(each)
