"""``monitor web``: put everything together and serve it."""

import asyncio
import logging
import socket
import ssl
import sys
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from nicegui import core, ui
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from broker.program.hosts import HostNames
from broker.program.process import run
from broker.program.settings import exit_with, read_settings
from monitor.queries.database import QueryDatabase, QueryError, open_database
from monitor.web.api.app import make_api
from monitor.web.api.errors import add_error_handlers
from monitor.web.auth.auth_middleware import AuthMiddleware
from monitor.web.auth.host_check import HostCheck
from monitor.web.auth.login import make_login_routes
from monitor.web.auth.nonce import add_script_nonces
from monitor.web.auth.page_authorization import authorize_pages
from monitor.web.auth.sessions import Authenticator
from monitor.web.dependencies import Dependencies
from monitor.web.http_server import HttpServer, ListenError, listen, make_config
from monitor.web.limits.page_limit import PageLimit
from monitor.web.pages import add_pages
from monitor.web.settings import WebSettings
from monitor.web.tls import TlsFileError, server_context

STATIC = Path(__file__).parent / "static"
NO_TERMINAL = (
    "set ENERGY_VIEWER_PASSWORD_FILE and ENERGY_OPERATOR_PASSWORD_FILE to files with passwords; "
    "generated passwords are shown on a terminal only, because a log would keep them"
)
GZIP_MIN_BYTES = 1000


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
        with listen(settings.http) as listener:
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
        deps = Dependencies(self.database, self.settings)
        api = make_api(self.database, self.authenticator, deps.ingestors.reports)
        app = make_app(deps, self.authenticator, api)
        names = HostNames(self.settings.http, self.settings.hosts)
        server = HttpServer(make_config(HostCheck(app, names), self.settings.trusted_proxy, self.context))
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
    return GZipMiddleware(AuthMiddleware(PageLimit(app), authenticator), minimum_size=GZIP_MIN_BYTES)
