"""Pages and log-ins are attacked: who has not logged in, or has not any more, gets nothing."""

from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from monitor.web.auth.sessions import SESSION_LIFETIME_S
from stack.servers import Servers
from tests.security.own_site import own_site
from tests.security.web import PAGES, PASSWORDS, WebSite

pytestmark = pytest.mark.integration

ENDS_WITHIN_S = 5
# Of a log-in whose time is nearly over: enough to open a page on a busy machine.
LEFT_S = 3


async def ended_token(site: WebSite) -> str:
    token = await site.log_in("operator")
    await site.log_out(token)
    return token


@pytest.mark.parametrize("path", PAGES)
async def test_page_is_nobodys_without_a_token_that_is_good(website: WebSite, path: str) -> None:
    good = await website.log_in("viewer")
    for token in ("", "guess", good[:-1], f"{good}x", await ended_token(website)):
        async with website.browser(token) as nobody:
            shown = await nobody.get(path)
            assert (shown.status_code, shown.headers["Location"]) == (303, f"/login?next={path}")
            for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
                assert (await nobody.request(method, path)).status_code == 401
    async with website.browser(headers={"Authorization": f"Bearer {good}"}) as program:
        for where in (path, f"{path}?token={good}", f"{path}?{website.cookie}={good}"):
            assert (await program.get(where)).status_code == 303


async def test_cookie_of_plain_http_is_nothing_over_https_and_the_other_way_round(website: WebSite) -> None:
    token = await website.log_in("operator")
    other = "energy_monitor" if website.https else "__Host-energy_monitor"
    async with website.browser(headers={"Cookie": f"{other}={token}"}) as browser:
        assert (await browser.get("/")).status_code == 303


async def test_log_in_ends_with_its_time_on_pages_and_for_programs(servers: Servers, tmp_path: Path) -> None:
    async with own_site(servers, tmp_path) as site:
        token = await site.log_in("operator")
        page = await site.page(token, "/health")
        site.clock.ahead_s = SESSION_LIFETIME_S - LEFT_S
        async with site.socket(token, page.name) as socket, site.browser(token) as browser:
            assert socket.is_let_in
            _, code = await socket.last_words()
            assert code == 4401
            assert (await browser.get("/")).status_code == 303
            assert (await browser.get("/api/v1/sensors")).status_code == 401


async def ends_at_log_out(site: WebSite) -> bool:
    token, other = await site.log_in("operator"), await site.log_in("operator")
    page, others = await site.page(token), await site.page(other)
    async with site.socket(token, page.name) as socket, site.socket(other, others.name) as untouched:
        assert socket.is_let_in
        await site.log_out(token)
        try:
            heard, code = await socket.last_words(ENDS_WITHIN_S)
        except TimeoutError:
            return False
        assert (heard[-1:], code) == (['42["try_reconnect"]'], 4401)
        assert await untouched.goes_on()
    with pytest.raises(InvalidStatus, match="403"):
        async with site.socket(token, page.name):
            pass
    return True


async def test_live_page_ends_when_its_person_logs_out(website: WebSite) -> None:
    assert await ends_at_log_out(website)


async def test_without_the_end_it_goes_on(servers: Servers, tmp_path: Path) -> None:
    async with own_site(servers, tmp_path, "pages_for_ever") as site:
        assert not await ends_at_log_out(site)


async def test_program_that_logs_out_ends_its_pages_too(website: WebSite) -> None:
    token = await website.log_in("operator")
    page = await website.page(token)
    async with website.socket(token, page.name) as socket:
        async with website.browser(headers={"Authorization": f"Bearer {token}"}) as program:
            assert (await program.delete("/api/v1/token")).status_code == 204
            assert (await program.delete("/api/v1/token")).status_code == 401
            assert (await program.get("/api/v1/sensors")).status_code == 401
        assert (await socket.last_words())[1] == 4401


async def fixes(site: WebSite) -> bool:
    """Whether a token from before a log-in is good after it."""
    before = await site.log_in("viewer")
    form = {"user": "operator", "password": PASSWORDS["operator"]}
    for planted in (before, "chosen-by-the-attacker"):
        async with site.browser(planted) as browser:
            answer = await browser.post("/login", data=form)
            assert planted not in answer.headers["Set-Cookie"]
        async with site.browser(planted) as attacker:
            if (await attacker.get("/")).status_code == 200:
                return True
    return False


async def test_token_from_before_a_log_in_is_worth_nothing_after_it(website: WebSite) -> None:
    assert not await fixes(website)


async def test_if_old_tokens_stayed_it_would_be(servers: Servers, tmp_path: Path) -> None:
    async with own_site(servers, tmp_path, "old_token_stays") as broken:
        assert await fixes(broken)


async def test_cookie_is_for_no_script_no_other_site_and_no_plain_line(website: WebSite) -> None:
    async with website.browser() as browser:
        form = {"user": "viewer", "password": PASSWORDS["viewer"]}
        given = (await browser.post("/login", data=form)).headers["Set-Cookie"]
        taken = (await browser.post("/logout")).headers["Set-Cookie"]
    for cookie in (given, taken):
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert flags >= {"httponly", "samesite=strict", "path=/"}
        assert ("secure" in flags) == website.https
        assert not any(flag.startswith("domain") for flag in flags)
        assert cookie.startswith(f"{website.cookie}=")
    assert len(given.split("=")[1].split(";")[0]) >= 43
    assert "Max-Age=43200" in given
    assert "Max-Age=0" in taken
