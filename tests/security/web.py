"""``monitor web`` as users run it, to be attacked; and who talks to it as a browser does, or does not."""

import asyncio
import contextlib
import html
import http.client
import json
import re
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from broker.authority import Authority
from monitor.web.cookie import PLAIN, SECURE
from stack.ports import reserve_port
from stack.processes import Process, running
from stack.servers import Servers

WAIT_S = 20
Role = Literal["viewer", "operator"]
PASSWORDS: dict[Role, str] = {"viewer": "look-only", "operator": "look-and-act"}
PAGES = ("/", "/alarms", "/compare", "/health", "/sensor/S", "/docs", "/openapi.json", "/nowhere")
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
    """One process of the web page.

    Attributes:
        build: What is taken away from it, see ``web_builds``.
        options: Of the command line.
    """

    servers: Servers
    folder: Path
    build: str = "as_it_is"
    options: tuple[str, ...] = ()
    https: bool = False
    port: int = field(default_factory=reserve_port)
    context: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.https else 'http'}://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / f"web-{self.port}.log"

    @property
    def cookie(self) -> str:
        return SECURE if self.https else PLAIN

    def process(self) -> Process:
        environment = {
            "ENERGY_MQTT_URL": self.servers.mqtt("operator"),
            "ENERGY_MONGO_URL": self.servers.mongo("operator"),
            "ENERGY_HTTP": f"127.0.0.1:{self.port}",
            "ENERGY_VIEWER_PASSWORD": PASSWORDS["viewer"],
            "ENERGY_OPERATOR_PASSWORD": PASSWORDS["operator"],
        }
        if self.https:
            certificate = str(Authority(self.folder / "certificates").keep_server("web", ["127.0.0.1"]))
            self.context = ssl.create_default_context(cafile=self.folder / "certificates" / "ca.crt")
            environment |= {"ENERGY_TLS_CERTIFICATE": certificate, "ENERGY_TLS_KEY": certificate}
        command = [sys.executable, "-m", "tests.security.web_builds", self.build, "web", *self.options]
        return Process("web", command, environment, self.log)

    @asynccontextmanager
    async def running(self, *, quiet: bool = True) -> AsyncIterator["WebSite"]:
        """Serve; whatever is thrown at it, the log may not hold a traceback, unless it need not be quiet."""
        async with running(self.process(), self.is_live):
            yield self
        assert not quiet or "Traceback" not in self.log.read_text(), self.log.read_text()

    async def is_live(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            async with self.browser() as nobody:
                return (await nobody.get("/live")).status_code == 200
        return False

    def browser(self, token: str = "", headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        """Somebody who shows a token as browsers do; nobody in particular without one."""
        cookie = {"Cookie": f"{self.cookie}={token}"} if token else {}
        verify = self.context or True
        return httpx.AsyncClient(
            base_url=self.url, headers={**cookie, **(headers or {})}, verify=verify, timeout=30
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

    async def page(self, token: str, path: str = "/") -> "OpenedPage":
        """A page, opened but not yet live."""
        async with self.browser(token) as somebody:
            answer = await somebody.get(path)
        assert answer.status_code == 200, answer.text
        return OpenedPage(answer.text)

    @asynccontextmanager
    async def socket(
        self, token: str, page: str = "", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator["Socket"]:
        """A web socket, for a page if one is named."""
        asked = {"EIO": "4", "transport": "websocket"}
        if page:
            mine = {"document_id": str(uuid4()), "tab_id": str(uuid4()), "next_message_id": "0"}
            asked |= {"client_id": page, "implicit_handshake": "true", **mine}
        url = f"{self.url.replace('http', 'ws', 1)}/_nicegui_ws/socket.io/?{urlencode(asked)}"
        shown = {"Cookie": f"{self.cookie}={quote(token)}", **(headers or {})}
        async with connect(url, additional_headers=shown, ssl=self.context) as plain:
            socket = Socket(plain)
            await socket.begin()
            yield socket


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


class OpenedPage:
    """What a browser gets of a page at first."""

    def __init__(self, text: str) -> None:
        self.name = re.findall(r"[\"']client_id[\"']:\s*[\"']([0-9a-f-]{36})", text)[0]
        written = re.findall(r"parseElements\(String\.raw`(.*?)`\)", text, re.DOTALL)[0]
        self.elements: dict[str, dict[str, Any]] = json.loads(html.unescape(written))

    def press(self, label: str) -> dict[str, Any]:
        """What a browser says when somebody presses a button."""
        number, element = next(self._labelled(label))
        listener = next(each for each in element["events"] if each["type"] == "click")
        known = {"id": int(number), "listener_id": listener["listener_id"], "args": ["{}"]}
        return {"client_id": self.name, **known}

    def shows(self, label: str) -> bool:
        """Whether it has a button of this label."""
        return next(self._labelled(label), None) is not None

    def _labelled(self, label: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for number, element in self.elements.items():
            props = element.get("props", {})
            if any(str(props.get(name, "")).startswith(label) for name in ("aria-label", "label")):
                yield number, element


class Socket:
    """Speaks Socket.IO over a web socket."""

    def __init__(self, plain: ClientConnection) -> None:
        self.plain = plain
        self.answer = ""
        self._drawn: dict[str, dict[str, Any]] = {}

    async def begin(self) -> None:
        await self.plain.send("40")
        self.answer = await self._until("40", "44")

    @property
    def is_let_in(self) -> bool:
        return self.answer.startswith("40")

    async def say(self, event: str, said: object) -> str:
        """Say something, and wait until it was heard; gives what was answered."""
        await self.plain.send(f"421{json.dumps([event, said])}")
        return (await self._until("431")).removeprefix("431")

    async def until_shown(self, page: OpenedPage, label: str) -> None:
        """Take over what is drawn on a page until it has a button of this label."""
        async with asyncio.timeout(WAIT_S):
            while True:
                page.elements |= self._drawn
                if page.shows(label):
                    return
                await self._hear()

    async def last_words(self, within_s: float = WAIT_S) -> tuple[list[str], int | None]:
        """What comes until it is closed, and why it is.

        Raises:
            TimeoutError: It is open still.
        """
        heard: list[str] = []
        try:
            async with asyncio.timeout(within_s):
                while True:
                    heard.append(await self._hear())
        except ConnectionClosed as closed:
            return heard, closed.rcvd.code if closed.rcvd else None

    async def goes_on(self) -> bool:
        """Whether it is open still."""
        try:
            await (await self.plain.ping())
        except ConnectionClosed:
            return False
        return True

    async def _until(self, *beginnings: str) -> str:
        async with asyncio.timeout(WAIT_S):
            while True:
                heard = await self._hear()
                if heard.startswith(beginnings):
                    return heard

    async def _hear(self) -> str:
        async with asyncio.timeout(WAIT_S):
            heard = await self.plain.recv()
        if heard == "2":
            await self.plain.send("3")
        if isinstance(heard, str) and heard.startswith('42["update"'):
            drawn = json.loads(heard[2:])[1]
            self._drawn |= {number: each for number, each in drawn.items() if isinstance(each, dict)}
        return heard if isinstance(heard, str) else ""
