"""Builds of the web page from which one protection is taken away: with it, the attack works.

Run as ``python -m tests.security.web_builds NAME…`` where users run ``python -m monitor``.
"""

import asyncio
import sys
from collections.abc import Callable
from unittest.mock import patch

from fastapi import FastAPI
from nicegui import ui
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingestor.documents import RejectedDocument
from monitor import live as fleet_view
from monitor.__main__ import main
from monitor.fleet import Fleet
from monitor.web import access, gate, guesses, live, login, owners, rejected_list, sensor_edit, serve, strict
from monitor.web.access import Access, Person
from monitor.web.sources import Sources
from tests.security import rest_builds
from tests.security.rest_builds import SHORT_S

HOLE = "<script>alert('through a hole')</script><img src=x onerror=\"alert('by an event')\">"


def as_it_is() -> None:
    """Nothing is taken away."""


def short_stay() -> None:
    """Nothing is taken away; log-ins end soon."""
    patch.object(access, "STAY_S", SHORT_S).start()


def pages_of_anybody() -> None:
    """Whoever knows a page's id has the page."""
    patch.object(owners, "_may_have", lambda *_: True).start()


def pages_for_ever() -> None:
    """Live pages go on when somebody logs out."""

    async def serve_on(self: live.Live, app: ASGIApp, scope: Scope) -> None:
        receive: Receive = self._receive
        send: Send = self._send
        await app(scope, receive, send)

    patch.object(live.Live, "serve", serve_on).start()


def last_wall() -> None:
    """Pages go on for who has left, and are anybody's: what is left is that who acts is looked at."""
    pages_for_ever()
    pages_of_anybody()


def no_wall() -> None:
    """And that is not looked at either."""
    last_wall()
    patch.object(Person, "may_act", property(lambda _: True)).start()


def edit_by_anybody() -> None:
    """Pages go on for who has left, and whoever has a sensor's page may set what operators set."""
    last_wall()
    look = sensor_edit._what_is_wrong  # noqa: SLF001

    def look_at_values(_: Person, location: str, threshold_kwh: float | None) -> str | None:
        return look(Person("operator"), location, threshold_kwh)

    patch.object(sensor_edit, "_what_is_wrong", look_at_values).start()


def repair_by_anybody() -> None:
    """Pages go on for who has left, and whoever has a refused payload before them may send it again."""
    last_wall()
    ask = rejected_list._ask  # noqa: SLF001

    def ask_anybody(sources: Sources, _: Person, rejected: RejectedDocument) -> None:
        ask(sources, Person("operator"), rejected)

    patch.object(rejected_list, "_ask", ask_anybody).start()


def any_origin() -> None:
    """Other sites are not looked for."""
    patch.object(gate, "is_from_here", lambda _: True).start()


def no_waiting() -> None:
    """Wrong passwords cost nothing."""
    patch.object(guesses, "LONGEST_S", 0.0).start()


def everybody_acts() -> None:
    """Viewers are operators."""
    person = access.Person
    patch.object(access, "Person", lambda _role, *more: person("operator", *more)).start()


def any_next() -> None:
    """The log-in leads wherever an address says."""
    patch.object(login, "_own_path", lambda path: path).start()


def old_token_stays() -> None:
    """Who logs in anew keeps the token from before."""
    patch.object(login, "token_of", lambda _: "").start()


def hole() -> None:
    """Text gets into pages as markup."""
    ui.add_body_html(HOLE, shared=True)


def hole_and_any_script() -> None:
    """The same, and browsers run what is in a page."""
    hole()
    policy = strict.POLICY.replace("'nonce-{nonce}'", "'unsafe-inline'")
    patch.object(strict, "POLICY", policy).start()


def hole_and_nonce_for_all() -> None:
    """The same, and each script that stands in a page is taken for one of ours."""
    make_app = serve.make_app

    def make(sources: Sources, access: Access, api: FastAPI) -> ASGIApp:
        app = make_app(sources, access, api)

        async def mark(scope: Scope, receive: Receive, send: Send) -> None:
            scope["headers"] = [each for each in scope.get("headers", []) if each[0] != b"accept-encoding"]

            async def marked(message: Message) -> None:
                if message["type"] == "http.response.start":
                    kept = [each for each in message["headers"] if each[0] != b"content-length"]
                    message["headers"] = kept
                elif message["type"] == "http.response.body":
                    nonce = f'<script nonce="{scope["state"]["nonce"]}">alert'.encode()
                    message["body"] = message.get("body", b"").replace(b"<script>alert", nonce)
                await send(message)

            await app(scope, receive, marked if scope["type"] == "http" else send)

        return mark

    hole()
    patch.object(serve, "make_app", make).start()


def no_care_for_spoiled() -> None:
    """A document that nobody can read is the end."""
    patch.object(fleet_view, "SPOILED", ()).start()


def slow_start() -> None:
    """It takes a second until it knows its sensors."""
    look = Fleet.refresh_sensors

    async def refresh_sensors(self: Fleet) -> set[str]:
        await asyncio.sleep(1)
        return await look(self)

    patch.object(Fleet, "refresh_sensors", refresh_sensors).start()


BUILDS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        as_it_is,
        short_stay,
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
        hole,
        hole_and_any_script,
        hole_and_nonce_for_all,
        no_care_for_spoiled,
        slow_start,
    )
}
BUILDS |= rest_builds.BUILDS

if __name__ == "__main__":
    BUILDS[sys.argv.pop(1)]()
    main()
