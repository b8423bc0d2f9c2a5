"""A page that a browser has opened, and the web socket over which it lives."""

import asyncio
import html
import json
import re
from collections.abc import Iterator
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

WAIT_S = 20


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
        self._told: list[str] = []

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

    async def until_told(self, sentence: str, times: int) -> None:
        """Wait until a sentence has been shown so many times."""
        async with asyncio.timeout(WAIT_S):
            while self._told.count(sentence) < times:
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
        if isinstance(heard, str) and heard.startswith('42["notify"'):
            self._told.append(json.loads(heard[2:])[1]["message"])
        return heard if isinstance(heard, str) else ""
