"""Every question that the monitor asks is answered by an index, and reads little more than it gives out.

Each method of the classes in ``monitor/queries`` is called; what the driver really sends is recorded,
and the server is asked how it finds the answer. A method that nobody calls here fails the test.
"""

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, MongoClient
from pymongo.database import Database as AdminDatabase
from pymongo.monitoring import CommandListener, CommandStartedEvent

from ingestor.store.schema import INDEXES
from monitor import queries
from monitor.queries.database import QueryDatabase, open_database
from stack.servers import Servers
from tests.integration.questions import calls, fill

pytestmark = pytest.mark.integration

# Besides twice what it gives out, a question may read this much: an index is looked at in some places.
A_FEW = 25

# Why these may read the collection and no index.
SCANS = {
    "ReadingTail.new": "reads the natural order from the end, with a limit",
    "ReadingQueries.last_stored": "reads one document, the last in the natural order",
}
# Why these may read more than they give out.
GENEROUS = {
    "ReadingQueries.page_all_sensors": "by time; of one site that passes over those of the others, as "
    "measures has no index for it, which each reading would pay for",
    "ReadingQueries.between": "finds readings by their time, so that one under a wrong id is seen",
    "AlarmQueries.active": "what stands at other sites is passed over: little, and most ask for all of it",
    "AlarmQueries.ended": "by time; those that stand meanwhile and other sites are passed over",
    "AlarmQueries.page": "by time; those of other sites, rules and severities meanwhile are passed over",
    "AlarmQueries.overlapping": "what changed since then; a report is not of a time long ago",
    "RejectedQueries.topics": "reads the topics in their index, and no document",
    "RejectedQueries.kinds": "what was rejected at other sites meanwhile is passed over",
}


class Recorder(CommandListener):
    """Keeps what was asked."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in {"find", "aggregate", "update", "count", "distinct"}:
            self.commands.append(dict(event.command))

    def succeeded(self, event: object) -> None: ...
    def failed(self, event: object) -> None: ...


@pytest.fixture(scope="module")
def stocked(servers: Servers) -> Iterator[AdminDatabase[dict[str, Any]]]:
    """A database of this test's own, with the ingestor's indexes."""
    with MongoClient[dict[str, Any]](servers.mongo("admin")) as client:
        database = client["asked"]
        for name, indexes in INDEXES.items():
            database[name].create_indexes(indexes)
        fill(database)
        yield database
        client.drop_database("asked")


@pytest.fixture(params=[AsyncIOMotorClient, AsyncMongoClient], ids=["motor", "pymongo"])
async def asked(
    servers: Servers, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[QueryDatabase, Recorder]]:
    """The database by either driver: one takes the other's place without a change of any query."""
    recorder = Recorder()
    url = servers.mongo("admin").replace("/energy_db", "/asked")
    async with open_database(url, partial(request.param, event_listeners=[recorder])) as database:
        yield database, recorder


def methods() -> set[str]:
    """All that can be asked: public and async, in a class that takes a database, or alone."""
    found = set()
    for each in pkgutil.iter_modules(queries.__path__):
        module = importlib.import_module(f"monitor.queries.{each.name}")
        own = [part for part in vars(module).values() if getattr(part, "__module__", "") == module.__name__]
        found |= {part.__name__ for part in own if _is_question(part) and not part.__name__.startswith("_")}
        classes = [part for part in own if inspect.isclass(part)]
        found |= {f"{kind.__name__}.{name}" for kind in classes for name in _questions(kind)}
    return found


def _questions(kind: type) -> list[str]:
    return [name for name, part in vars(kind).items() if not name.startswith("_") and _is_question(part)]


def _is_question(part: object) -> bool:
    return inspect.iscoroutinefunction(part) or inspect.isasyncgenfunction(part)


# What all questions are made of, and what lists are, which is asked as a part of them.
ASKED_WITHIN = {
    *(f"QueryDatabase.{name}" for name in vars(QueryDatabase)),
    "TimeOrderedList.page",
    "TimeOrderedList.sorted_page",
}
QUESTIONS = sorted(methods() - ASKED_WITHIN)


def test_reasons_are_of_questions_that_there_are() -> None:
    assert {*SCANS, *GENEROUS} <= set(QUESTIONS)


@pytest.mark.parametrize("name", QUESTIONS)
async def test_question_is_answered_by_an_index(
    stocked: AdminDatabase[dict[str, Any]], asked: tuple[QueryDatabase, Recorder], name: str
) -> None:
    database, recorder = asked
    refused = stocked.rejected.find_one()
    assert refused is not None
    asks = calls(database, refused["_id"])
    assert name in asks, "add how it is called to questions.py"
    for call in asks[name]:
        await call()
    once = [each for n, each in enumerate(recorder.commands) if each not in recorder.commands[:n]]
    assert once, "nothing was asked"
    plans = [explain(stocked, command) for command in once]
    scans = [
        command
        for command, plan in zip(once, plans, strict=True)
        if "COLLSCAN" in named(plan, "stage", inside="winningPlan")
    ]
    generous = [
        (command, read, given)
        for command, plan in zip(once, plans, strict=True)
        if (read := examined(plan)) > 2 * (given := matched(stocked, command, plan)) + A_FEW
    ]
    assert any(matched(stocked, *each) for each in zip(once, plans, strict=True)), "fill() has nothing for it"
    # A reason that is needed no more is to be taken away.
    assert bool(scans) == (name in SCANS), scans
    assert bool(generous) == (name in GENEROUS), generous


def explain(database: AdminDatabase[dict[str, Any]], command: dict[str, Any]) -> dict[str, Any]:
    left_out = {"lsid", "$db", "maxTimeMS", "txnNumber", "writeConcern"}
    kept = {key: value for key, value in command.items() if key not in left_out}
    return dict(database.command("explain", kept, verbosity="executionStats"))


def examined(plan: dict[str, Any]) -> int:
    return int(max(named(plan, "totalKeysExamined") + named(plan, "totalDocsExamined")))


def matched(database: AdminDatabase[dict[str, Any]], command: dict[str, Any], plan: dict[str, Any]) -> int:
    """How many documents a question gives out, or adds up."""
    if "pipeline" not in command:
        return 1 if "update" in command else int(plan["executionStats"]["nReturned"])
    match, *rest = command["pipeline"]
    assert "$match" in match, "a pipeline begins with $match, which may be of everything"
    many = database[command["aggregate"]].count_documents(match["$match"])
    return int(min([many, *(stage["$limit"] for stage in rest[:1] if "$limit" in stage)]))


def named(plan: object, key: str, inside: str = "") -> list[Any]:
    """All values of a key in a plan, at any depth; only in the parts of this name, if one is given."""
    found: list[Any] = []
    if isinstance(plan, dict):
        for name, part in plan.items():
            if name == key and not inside:
                found.append(part)
            if name != "rejectedPlans":
                found += named(part, key, "" if name == inside else inside)
    elif isinstance(plan, list):
        for part in plan:
            found += named(part, key, inside)
    return found
