"""A server that stands for whatever carries notifications to people."""

import asyncio
from typing import Self

from aiohttp import web

from stack.ports import reserve_port

HIDDEN = "s3cret-t0ken"


class Phone:
    """What people look at: takes messages at a URL, unless told otherwise."""

    def __init__(self, options: str = "") -> None:
        self.port = reserve_port()
        self.url = f"json://me:{HIDDEN}@127.0.0.1:{self.port}/{HIDDEN}{options}"
        self.status = 200
        self.rejections = 0
        self.hangs = False
        self.asked = 0
        self.messages: list[tuple[str, str]] = []
        self._end = asyncio.Event()

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.messages]

    async def _take(self, request: web.Request) -> web.Response:
        content = await request.json()
        self.asked += 1
        if self.hangs:
            await self._end.wait()
        if self.rejections:
            self.rejections -= 1
            return web.Response(status=500)
        if self.status == 200:
            self.messages.append((content.get("title", ""), content.get("message") or content["text"]))
        return web.json_response({"ok": True}, status=self.status)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._end.set()
        await self._runner.cleanup()
