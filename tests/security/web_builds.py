"""Builds of the web page from which one protection is taken away: with it, the attack works."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from starlette.types import ASGIApp, Receive, Scope, Send

from ingestor.documents import RejectedDocument
from monitor.live.sensor_cache import SensorCache
from monitor.web.auth.sessions import Session
from monitor.web.dependencies import Dependencies
from tests.fault_points import web as points
from tests.security import rest_builds, script_builds
from tests.security.rest_builds import Build


def as_it_is() -> Build:
    """Nothing is taken away."""
    return nullcontext()


def pages_of_anybody() -> Build:
    """Whoever knows a page's id has the page."""
    return points.MAY_HAVE_PAGE.replace(lambda *_: True)


async def serve_for_ever(_: Session, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """A web socket that its person has for as long as they like."""
    await app(scope, receive, send)


def pages_for_ever() -> Build:
    """Live pages go on when somebody logs out."""
    return points.WEB_SOCKET.replace(serve_for_ever)


@contextmanager
def last_wall() -> Iterator[None]:
    """Pages go on for who has left, and are anybody's: what is left is that who acts is looked at."""
    with pages_for_ever(), pages_of_anybody():
        yield


@contextmanager
def no_wall() -> Iterator[None]:
    """And that is not looked at either."""
    with last_wall(), points.MAY_ACT.replace(property(lambda _: True)):
        yield


@contextmanager
def edit_by_anybody() -> Iterator[None]:
    """Pages go on for who has left, and whoever has a sensor's page may set what operators set."""
    ask = points.ASK_FOR_SETTINGS.original

    async def ask_anybody(sources: Dependencies, _: Session, sensor_id: str) -> None:
        await ask(sources, Session("operator"), sensor_id)

    with last_wall(), points.ASK_FOR_SETTINGS.replace(ask_anybody):
        yield


@contextmanager
def repair_by_anybody() -> Iterator[None]:
    """Pages go on for who has left, and whoever has a rejected payload before them may send it again."""
    ask = points.ASK_FOR_REPAIR.original

    def ask_anybody(sources: Dependencies, _: Session, rejected: RejectedDocument) -> None:
        ask(sources, Session("operator"), rejected)

    with last_wall(), points.ASK_FOR_REPAIR.replace(ask_anybody):
        yield


def any_origin() -> Build:
    """Other sites are not looked for."""
    return points.IS_FROM_HERE.replace(lambda _: True)


def no_waiting() -> Build:
    """Wrong passwords cost nothing."""
    return points.LONGEST_WAIT_S.replace(0.0)


def everybody_acts() -> Build:
    """Viewers are operators."""
    return points.NEW_PERSON.replace(lambda _role, *more: Session("operator", *more))


def any_next() -> Build:
    """The log-in leads wherever an address says."""
    return points.NEXT_PATH.replace(lambda path: path)


def old_token_stays() -> Build:
    """Who logs in anew keeps the token from before."""
    return points.TOKEN_BEFORE_LOG_IN.replace(lambda _: "")


def no_care_for_spoiled() -> Build:
    """A document that nobody can read is the end."""
    return points.SPOILED.replace(())


def slow_start() -> Build:
    """It takes a second until it knows its sensors."""
    look = points.REFRESH_SENSORS.original

    async def refresh_sensors(fleet: SensorCache) -> object:
        await asyncio.sleep(1)  # the fault itself
        return await look(fleet)

    return points.REFRESH_SENSORS.replace(refresh_sensors)


BUILDS: dict[str, Callable[[], Build]] = {
    each.__name__: each
    for each in (
        as_it_is,
        pages_of_anybody,
        pages_for_ever,
        last_wall,
        no_wall,
        edit_by_anybody,
        repair_by_anybody,
        any_origin,
        no_waiting,
        everybody_acts,
        any_next,
        old_token_stays,
        no_care_for_spoiled,
        slow_start,
    )
}
BUILDS |= rest_builds.BUILDS | script_builds.BUILDS
