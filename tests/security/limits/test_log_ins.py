"""Log-ins, many at a time, to keep an operator out who has the right password and the same address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from stack.servers import Servers
from tests.fault_points import web as points
from tests.security.own_site import own_site
from tests.security.web import PASSWORDS, WebSite

pytestmark = pytest.mark.integration

AT_ONCE = 30
BOUND_S = 10
OPERATOR = {"user": "operator", "password": PASSWORDS["operator"]}


@asynccontextmanager
async def guessing(site: WebSite, user: str, password: str) -> AsyncIterator[None]:
    """Log in as fast as possible, thirty at a time, on the page and by REST."""
    rest, form = {"username": user, "password": password}, {"user": user, "password": password}

    async def guess(stranger: httpx.AsyncClient) -> None:
        while True:
            await stranger.post("/login", data=form)
            await stranger.post("/api/v1/token", data=rest)

    async with site.browser() as stranger:
        tasks = [asyncio.create_task(guess(stranger)) for _ in range(AT_ONCE)]
        try:
            # The five that are free.
            while (await stranger.post("/login", data=form)).status_code not in {303, 429}:
                pass
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def log_in(browser: httpx.AsyncClient) -> int:
    async with asyncio.timeout(BOUND_S):
        return (await browser.post("/login", data=OPERATOR)).status_code


@pytest.mark.parametrize("user", ["viewer", "eve"])
async def test_operator_gets_in_while_others_are_guessed(servers: Servers, tmp_path: Path, user: str) -> None:
    async with (
        own_site(servers, tmp_path) as site,
        guessing(site, user, "guess"),
        site.browser() as operator,
    ):
        assert [await log_in(operator) for _ in range(12)] == [303] * 12


async def test_operator_gets_in_while_a_viewer_logs_in_for_ever(servers: Servers, tmp_path: Path) -> None:
    async with (
        own_site(servers, tmp_path) as site,
        guessing(site, "viewer", PASSWORDS["viewer"]),
        site.browser() as operator,
    ):
        assert [await log_in(operator) for _ in range(12)] == [303] * 12


async def test_if_one_count_were_for_all_they_would_not(servers: Servers, tmp_path: Path) -> None:
    async with own_site(servers, tmp_path) as site:
        with points.KEY_OF_COUNT.replace(lambda attempt: attempt._replace(user="")):
            async with guessing(site, "viewer", "guess"), site.browser() as operator:
                assert 429 in [await log_in(operator) for _ in range(12)]


async def test_browser_that_was_logged_in_gets_in_while_the_operator_is_guessed(
    servers: Servers, tmp_path: Path
) -> None:
    async with own_site(servers, tmp_path) as site, site.browser() as known, site.browser() as unknown:
        assert await log_in(known) == 303
        assert (await known.post("/logout")).status_code == 303
        async with guessing(site, "operator", "guess"):
            assert [await log_in(known) for _ in range(12)] == [303] * 12
            assert await log_in(unknown) == 429
            with points.IS_FAMILIAR.replace(lambda *_: False):
                assert await log_in(known) == 429


async def test_program_with_its_last_token_gets_in_while_the_operator_is_guessed(
    servers: Servers, tmp_path: Path
) -> None:
    form = {"username": "operator", "password": PASSWORDS["operator"]}
    async with own_site(servers, tmp_path) as site:
        token = await site.log_in("operator")
        async with guessing(site, "operator", "guess"), site.browser() as program:
            assert (await program.post("/api/v1/token", data=form)).status_code == 429
            program.headers["Authorization"] = f"Bearer {token}"
            async with asyncio.timeout(BOUND_S):
                assert (await program.post("/api/v1/token", data=form)).status_code == 200
