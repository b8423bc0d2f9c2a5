"""Passwords are guessed, from one address and behind a proxy."""

from pathlib import Path

import pytest

from stack.servers import Servers
from tests.security.own_site import own_site
from tests.security.web import PASSWORDS, WebSite

pytestmark = pytest.mark.integration


async def guess(site: WebSite, *, address: str = "") -> list[int]:
    """Try ten wrong passwords on the page and by REST; gives what was answered."""
    headers = {"X-Forwarded-For": address} if address else {}
    async with site.browser(headers=headers) as nobody:
        page = [await nobody.post("/login", data={"user": "eve", "password": "guess"}) for _ in range(5)]
        form = {"username": "eve", "password": "guess"}
        rest = [await nobody.post("/api/v1/token", data=form) for _ in range(5)]
    assert all(int(each.headers["Retry-After"]) >= 1 for each in page + rest if each.status_code == 429)
    return [each.status_code for each in page + rest]


async def test_who_guesses_on_the_page_waits_for_rest_too(servers: Servers, tmp_path: Path) -> None:
    async with own_site(servers, tmp_path) as site:
        assert await guess(site) == [401] * 5 + [429] * 5
    async with own_site(servers, tmp_path, "no_waiting") as broken:
        assert await guess(broken) == [401] * 10


@pytest.mark.parametrize("trusted", [True, False])
async def test_only_the_proxy_that_is_trusted_says_from_where_and_how_people_come(
    servers: Servers, tmp_path: Path, trusted: bool
) -> None:
    proxy = "127.0.0.1" if trusted else "192.0.2.7"
    form = {"user": "viewer", "password": PASSWORDS["viewer"]}
    over_https = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1"}
    async with own_site(servers, tmp_path, options=("--trusted-proxy", proxy)) as site:
        async with site.browser(headers=over_https) as somebody:
            answer = await somebody.post("/login", data=form)
        cookie = answer.headers["Set-Cookie"]
        assert (cookie.startswith("__Host-"), "Secure" in cookie) == (trusted, trusted)
        assert ("Strict-Transport-Security" in answer.headers) == trusted
        # The last address is what the proxy has seen; those before it anybody may have made up.
        assert (await guess(site, address="198.51.100.2, 203.0.113.5"))[-1] == 429
        statuses = []
        for address in ("203.0.113.5", "198.51.100.2"):
            async with site.browser(headers={"X-Forwarded-For": address}) as somebody:
                statuses.append((await somebody.post("/login", data=form)).status_code)
        assert statuses == ([429, 303] if trusted else [429, 429])
