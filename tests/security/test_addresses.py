"""Addresses and forms are bent: to other sites, to files, to markup."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from stack.servers import Servers
from tests.security.own_site import own_site
from tests.security.web import PASSWORDS, WebSite, raw

pytestmark = pytest.mark.integration

ELSEWHERE = (
    "//evil.example",
    "https://evil.example/",
    "/\\evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "/a\\..\\..\\evil",
    "/x\r\nSet-Cookie: a=b",
    "/x\nLocation: //evil.example",
)
OUTSIDE = (
    "/static/../serve.py",
    "/static/%2e%2e/serve.py",
    "/static/..%2fserve.py",
    "/static/..%5cserve.py",
    "/static/%2e%2e%2f%2e%2e%2f__main__.py",
    "/static/....//serve.py",
    "/static//etc/passwd",
    "/static/%00",
    "//static/../../serve.py",
)


async def leads_elsewhere(site: WebSite, target: str) -> bool:
    async with site.browser() as nobody:
        shown = await nobody.get("/login", params={"next": target})
        form = {"user": "viewer", "password": PASSWORDS["viewer"], "next": target}
        answer = await nobody.post("/login", data=form)
    assert answer.status_code == 303
    assert answer.headers.get_list("Set-Cookie")[0].startswith(site.cookie)
    is_home = 'name="next" value="/"' in shown.text and answer.headers["Location"] == "/"
    # Of the session, and of the device.
    return not is_home or not all(
        each.startswith(site.cookie) for each in answer.headers.get_list("Set-Cookie")
    )


@pytest.mark.parametrize("target", ELSEWHERE)
async def test_login_leads_to_no_other_site_and_sets_no_other_header(website: WebSite, target: str) -> None:
    assert not await leads_elsewhere(website, target)


async def test_if_the_next_page_were_not_looked_at_it_would(servers: Servers, tmp_path: Path) -> None:
    async with own_site(servers, tmp_path, "any_next") as broken:
        assert await leads_elsewhere(broken, ELSEWHERE[0])


@pytest.mark.parametrize("path", ["/a%0d%0aSet-Cookie:%20a=b", "//evil.example/", "/%5cevil.example"])
async def test_way_to_the_login_cannot_be_bent(website: WebSite, path: str) -> None:
    answer = raw(website, path)
    assert answer.status == 303
    assert (answer.headers["Location"] or "").startswith("/login?next=/")
    assert "Set-Cookie" not in answer.headers
    bent = answer.headers["Location"].removeprefix("/login?next=")
    async with website.browser() as nobody:
        assert 'name="next" value="//' not in (await nobody.get(f"/login?next={bent}")).text


@pytest.mark.parametrize("path", OUTSIDE)
async def test_no_file_outside_of_the_folder_is_served(website: WebSite, path: str) -> None:
    for token in ("", await website.log_in("operator")):
        assert raw(website, path, token).status in {303, 400, 404}


async def test_prefix_that_a_request_makes_up_is_not_believed(website: WebSite) -> None:
    token = await website.log_in("viewer")
    async with website.browser(token, {"X-Forwarded-Prefix": "//evil.example"}) as browser:
        assert "evil.example" not in (await browser.get("/")).text


@pytest.mark.parametrize("span", ["<script>alert(1)</script>", "' onload='x", "\0", "x" * 5000, "{{7*7}}"])
async def test_what_an_address_says_is_no_markup(website: WebSite, span: str) -> None:
    token = await website.log_in("viewer")
    async with website.browser(token) as browser:
        for path in (f"/sensor/{quote(span, safe='')}", f"/sensor/S?span={quote(span)}"):
            answer = await browser.get(path)
            assert answer.status_code in {200, 404}, path
            assert "<script>alert" not in answer.text


async def test_form_that_is_too_long_is_not_read(website: WebSite) -> None:
    async with website.browser() as nobody:
        answer = await nobody.post("/login", data={"user": "viewer", "password": "x" * 100_000})
        assert answer.status_code == 413

        async def endless() -> AsyncIterator[bytes]:
            yield b"user=viewer&password=x"

        assert (await nobody.post("/login", content=endless())).status_code == 413
