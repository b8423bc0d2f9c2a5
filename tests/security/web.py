"""A web page to be attacked, by who talks to it as a browser does, or does not; and as users run it."""

import contextlib
import http.client
import ssl
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
from websockets.asyncio.client import connect

from broker.access.authority import CertificateAuthority
from monitor.web.auth.cookie import COOKIE_NAME, SECURE_COOKIE_NAME
from monitor.web.widgets.layout import PATHS
from stack.ports import reserve_port
from stack.processes import Process, running
from stack.servers import Servers
from tests.security.opened import OpenedPage, Socket

Role = Literal["viewer", "operator"]
PASSWORDS: dict[Role, str] = {"viewer": "look-only-please", "operator": "look-and-act-too"}
# Else each browser that speaks plain HTTP would read a list of all the authorities that there are.
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PAGES = (*PATHS.values(), "/sensor/S", "/docs", "/openapi.json", "/nowhere")
FOREIGN: list[dict[str, str]] = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@dataclass(slots=True)
class WebSite:
    """A web page that is served, and who comes to it.

    Attributes:
        servers: Whose readings it shows.
        port: Where it is.
        log: What it says.
        process_id: Of the process that serves it; 0 if the test serves it itself.
        context: Whom browsers believe over https; None if it speaks plain HTTP.
        process: What serves it.
    """

    servers: Servers
    port: int
    log: Path
    context: ssl.SSLContext | None = None
    process_id: int = 0
    process: Process | None = None

    @property
    def https(self) -> bool:
        return self.context is not None

    @property
    def url(self) -> str:
        return f"{'https' if self.https else 'http'}://127.0.0.1:{self.port}"

    @property
    def cookie(self) -> str:
        return SECURE_COOKIE_NAME if self.https else COOKIE_NAME

    async def is_live(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            async with self.browser() as nobody:
                return (await nobody.get("/live")).status_code == 200
        return False

    def browser(self, token: str = "", headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        """Somebody who shows a token as browsers do; nobody in particular without one."""
        cookie = {"Cookie": f"{self.cookie}={token}"} if token else {}
        believed = self.context or NOBODY
        return httpx.AsyncClient(
            base_url=self.url, headers={**cookie, **(headers or {})}, verify=believed, timeout=30
        )

    async def log_in(self, role: Role) -> str:
        """A token for a role."""
        async with self.browser() as nobody:
            form = {"username": role, "password": PASSWORDS[role]}
            answer = await nobody.post("/api/v1/token", data=form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def log_out(self, token: str) -> None:
        async with self.browser(token) as somebody:
            assert (await somebody.post("/logout")).status_code == 303

    async def page(self, token: str, path: str = "/") -> OpenedPage:
        """A page, opened but not yet live."""
        async with self.browser(token) as somebody:
            answer = await somebody.get(path)
        assert answer.status_code == 200, answer.text
        return OpenedPage(answer.text)

    @asynccontextmanager
    async def socket(
        self, token: str, page: str = "", headers: Mapping[str, str] | None = None, **more: str
    ) -> AsyncIterator[Socket]:
        """A web socket, for a page if one is named."""
        asked = {"EIO": "4", "transport": "websocket"}
        if page:
            mine = {"document_id": str(uuid4()), "tab_id": str(uuid4()), "next_message_id": "0"}
            asked |= {"client_id": page, "implicit_handshake": "true", **mine, **more}
        url = f"{self.url.replace('http', 'ws', 1)}/_nicegui_ws/socket.io/?{urlencode(asked)}"
        shown = {"Cookie": f"{self.cookie}={quote(token)}", **(headers or {})}
        async with connect(url, additional_headers=shown, ssl=self.context) as plain:
            socket = Socket(plain)
            await socket.begin()
            yield socket


@asynccontextmanager
async def as_users_run_it(
    servers: Servers, folder: Path, *, https: bool, program: Sequence[str] = ("monitor",)
) -> AsyncIterator[WebSite]:
    """Run ``monitor web``; whatever is thrown at it, its log may not hold a traceback."""
    site = WebSite(servers, reserve_port(), folder / "web.log")
    environment = {
        "ENERGY_MQTT_URL": servers.mqtt_by_socket("web"),
        "ENERGY_MONGO_URL": servers.mongo("operator"),
        "ENERGY_HTTP": f"127.0.0.1:{site.port}",
        "ENERGY_VIEWER_PASSWORD": PASSWORDS["viewer"],
        "ENERGY_OPERATOR_PASSWORD": PASSWORDS["operator"],
    }
    if https:
        certificate = str(CertificateAuthority(folder / "certificates").ensure_server("web", ["127.0.0.1"]))
        site.context = ssl.create_default_context(cafile=folder / "certificates" / "ca.crt")
        environment |= {"ENERGY_TLS_CERTIFICATE": certificate, "ENERGY_TLS_KEY": certificate}
    process = Process("web", [sys.executable, "-m", *program, "web"], environment, site.log)
    site.process = process
    async with running(process, site.is_live):
        site.process_id = process.running.pid if process.running else 0
        yield site
    assert "Traceback" not in site.log.read_text(), site.log.read_text()


def raw(site: WebSite, path: str, token: str = "", method: str = "GET") -> http.client.HTTPResponse:
    """Ask for a path just as it stands."""
    if site.context is None:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", site.port, timeout=10, context=site.context)
    connection.request(method, path, headers={"Cookie": f"{site.cookie}={token}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer
