"""What a web page in this process would have in one of its own: NiceGUI as it is at first, and a log."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stderr
from pathlib import Path
from unittest.mock import patch

from nicegui import Client, core
from nicegui.client import templates
from nicegui.testing.general import nicegui_reset_globals

GONE_WITHIN_S = 5


@asynccontextmanager
async def nicegui_anew() -> AsyncIterator[None]:
    """NiceGUI as it is when a process begins; afterwards nothing of what it began goes on."""
    engine = core.sio.eio
    begin, begun = engine.start_background_task, set[asyncio.Future[object]]()

    def keep(*what: object) -> asyncio.Future[object]:
        task: asyncio.Future[object] = begin(*what)
        begun.add(task)
        return task

    with (
        _only_new_garbage(),
        nicegui_reset_globals(),
        # What that leaves as it is: what our pages put around all that is heard, and into the template;
        patch.dict(core.sio.handlers["/"]),
        patch.object(templates.env, "loader", templates.env.loader),
        # and what goes on for a process's lifetime, once the first browser has come.
        patch.object(engine, "start_service_task", True),
        patch.object(engine, "start_background_task", keep),
    ):
        try:
            yield
        finally:
            for task in begun:
                task.cancel()
            await asyncio.gather(*begun, return_exceptions=True)
            core.reset()
            Client.instances.clear()
            # It would unload the modules that have pages in them.
            Client.page_routes.clear()


@contextmanager
def _only_new_garbage() -> Iterator[None]:
    """Have all objects that are there already left alone when garbage is collected, which is done twice."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def saying_it_in(log: Path) -> Iterator[None]:
    """Have whatever is logged, or comes to stderr otherwise, in a file."""
    root = logging.getLogger()
    with log.open("a", buffering=1) as file, redirect_stderr(file):
        handler = logging.StreamHandler(file)
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)
            # Each server that is made gives it what stderr is at that moment.
            logging.getLogger("uvicorn").handlers.clear()


@asynccontextmanager
async def leaving_nothing() -> AsyncIterator[None]:
    """No task that begins in it may go on after it."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before
    if left:
        _, left = await asyncio.wait(left, timeout=GONE_WITHIN_S)
    assert not left
