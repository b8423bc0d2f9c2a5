"""``monitor web``: put everything together and serve it."""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from nicegui import core, ui
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from broker.program.process import run
from broker.program.settings import exit_with, read_settings
from monitor.queries.database import QueryDatabase, QueryError, open_database
from monitor.web.api.app import make_api
from monitor.web.api.errors import add_error_handlers
from monitor.web.auth.auth_middleware import AuthMiddleware
from monitor.web.auth.login import make_login_routes
from monitor.web.auth.nonce import add_script_nonces
from monitor.web.auth.page_authorization import authorize_pages
from monitor.web.auth.sessions import Authenticator
from monitor.web.dependencies import Dependencies
from monitor.web.pages import add_pages
from monitor.web.settings import WebSettings
from monitor.web.tls import TlsFileError, server_context

STATIC = Path(__file__).parent / "static"
SHUTDOWN_GRACE_S = 2
NO_TERMINAL = (
    "set ENERGY_VIEWER_PASSWORD_FILE and ENERGY_OPERATOR_PASSWORD_FILE to files with passwords; "
    "generated passwords are shown on a terminal only, because a log would keep them"
)
MAX_MESSAGE_BYTES = 1024 * 1024
GZIP_MIN_BYTES = 1000


class ListenError(Exception):
    """Raised when the address cannot be used; says why."""


def serve_command(arguments: list[str]) -> None:
    """Read the options and serve until told to stop."""
    settings = read_settings(WebSettings, arguments, "monitor web")
    try:
        context = server_context(settings.tls_certificate, settings.tls_key)
    except TlsFileError as error:
        exit_with("monitor web", str(error))
    given, generated = settings.passwords()
    if generated and not sys.stderr.isatty():
        exit_with("monitor web", NO_TERMINAL)
    for role, password in generated.items():
        sentence = f"User {role} has the password {password} until this process ends."
        sys.stderr.write(f"monitor web: {sentence}\n")
    # NiceGUI warns of malformed events of browsers; uvicorn logs our own errors.
    logging.getLogger("nicegui").setLevel(logging.ERROR)

    async def serve_until(stop: asyncio.Event) -> None:
        with _listen(settings) as listener:
            async with open_database(settings.mongo_url) as database:
                authenticator = Authenticator(given | generated)
                await WebServer(settings, database, authenticator, listener, context).serve(stop)

    run("monitor web", serve_until, QueryError, ListenError, is_service=True)


class WebServer(NamedTuple):
    """What it takes to serve; without a context, plain HTTP."""

    settings: WebSettings
    database: QueryDatabase
    authenticator: Authenticator
    listener: socket.socket
    context: ssl.SSLContext | None

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until told to stop."""
        deps, proxy = Dependencies(self.database, self.settings), self.settings.trusted_proxy
        context = self.context
        api = make_api(self.database, self.authenticator, deps.ingestors.reports)
        config = uvicorn.Config(
            make_app(deps, self.authenticator, api),
            log_level="warning",
            access_log=False,
            ws_max_size=MAX_MESSAGE_BYTES,
            server_header=False,
            # By default uvicorn trusts everybody on this machine.
            proxy_headers=proxy is not None,
            forwarded_allow_ips=proxy or "",
            timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
            ssl_context_factory=None if context is None else lambda *_: context,
        )
        server = _Server(config)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(deps.live.follow(), name="web.live")
            listening = group.create_task(deps.ingestors.listen(), name="web.ingestors")
            serving_requests = group.create_task(server.serve([self.listener]), name="web.serve")
            await stop.wait()
            server.should_exit = True
            following.cancel()
            listening.cancel()
            await serving_requests


def make_app(deps: Dependencies, authenticator: Authenticator, api: FastAPI) -> ASGIApp:
    """Put the web page and the REST interface behind the middleware."""
    add_script_nonces()
    authorize_pages()
    app = FastAPI(openapi_url=None)
    add_error_handlers(app)
    app.include_router(make_login_routes(authenticator))
    app.mount("/api/v1", api)
    app.mount("/static", StaticFiles(directory=STATIC))

    @app.get("/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    ui.add_head_html('<link rel="stylesheet" href="/static/style.css">', shared=True)
    add_pages(deps)
    ui.run_with(
        app,
        title="Energy Monitor",
        favicon=STATIC / "icon.svg",
        dark=None,
        language="en-US",
        tailwind=False,
        gzip_middleware_factory=None,
        show_welcome_message=False,
        reconnect_timeout=10.0,
    )
    # Any other transport would need its own authorization.
    core.app.config.socket_io_js_transports = ["websocket"]
    return GZipMiddleware(AuthMiddleware(app, authenticator), minimum_size=GZIP_MIN_BYTES)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process, which tells this server to stop."""
        yield


def _listen(settings: WebSettings) -> socket.socket:
    host, port = settings.http.rsplit(":", 1)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host.strip("[]"), int(port)), family=family)
    except (OSError, OverflowError) as error:
        number = error.errno if isinstance(error, OSError) else None
        # A failed name lookup has a negative number, for which the system has no text.
        reason = os.strerror(number) if number and number > 0 else error.args[-1]
        raise ListenError(f"cannot listen on {settings.http} ({reason}); give another --http") from error
    # Without it, the end of an answer waits 40 ms for the browser to acknowledge its beginning.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
