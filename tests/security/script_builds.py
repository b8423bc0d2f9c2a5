"""Builds of the web page with a hole through which markup gets into pages; see ``web_builds``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nicegui import ui
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.fault_points import web as points
from tests.security.rest_builds import Build

HOLE = "<script>alert('through a hole')</script><img src=x onerror=\"alert('by an event')\">"


@contextmanager
def hole() -> Iterator[None]:
    """Text gets into pages as markup."""
    # Until NiceGUI begins anew.
    ui.add_body_html(HOLE, shared=True)
    yield


@contextmanager
def hole_and_any_script() -> Iterator[None]:
    """The same, and browsers run what is in a page."""
    policy = points.SCRIPT_POLICY.original.replace("'nonce-{nonce}'", "'unsafe-inline'")
    with hole(), points.SCRIPT_POLICY.replace(policy):
        yield


@contextmanager
def hole_and_nonce_for_all() -> Iterator[None]:
    """The same, and each script that stands in a page is taken for one of ours."""
    make_app = points.MAKE_APP.original

    def make(*parts: object) -> ASGIApp:
        return _marking(make_app(*parts))

    with hole(), points.MAKE_APP.replace(make):
        yield


def _marking(app: ASGIApp) -> ASGIApp:
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


BUILDS: dict[str, Callable[[], Build]] = {
    each.__name__: each for each in (hole, hole_and_any_script, hole_and_nonce_for_all)
}
