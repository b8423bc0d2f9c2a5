"""Other sites speak to the page with somebody's browser."""

import re
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from stack.servers import Servers
from tests.security.own_site import own_site
from tests.security.web import FOREIGN, PASSWORDS, WebSite

pytestmark = pytest.mark.integration


async def test_session_of_polling_does_not_exist(website: WebSite) -> None:
    token = await website.log_in("operator")
    async with website.browser(token) as browser:
        for method in ("GET", "POST"):
            path = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"
            answer = await browser.request(method, path, content=b"40" if method == "POST" else None)
            assert (answer.status_code, answer.text) == (400, "this path serves web sockets only")


@pytest.mark.parametrize("headers", FOREIGN)
async def test_other_sites_speak_for_nobody(website: WebSite, headers: dict[str, str]) -> None:
    token = await website.log_in("operator")
    async with website.browser(token, headers) as browser:
        form = {"user": "viewer", "password": PASSWORDS["viewer"]}
        for method, path in (
            ("POST", "/login"),
            ("POST", "/logout"),
            ("POST", "/"),
            ("PUT", "/alarms"),
            ("DELETE", "/api/v1/token"),
            ("POST", "/api/v1/token"),
        ):
            answer = await browser.request(method, path, data=form)
            assert (answer.status_code, "another site" in answer.text) == (403, True), path
            assert "Set-Cookie" not in answer.headers
    with pytest.raises(InvalidStatus, match="403"):
        async with website.socket(token, headers=headers):
            pass
    async with website.browser(token) as browser:
        assert (await browser.get("/")).status_code == 200
    bearer = {"Authorization": f"Bearer {token}", **headers}
    async with website.browser(headers=bearer) as program:
        assert (await program.delete("/api/v1/token")).status_code == 204


async def test_own_site_does(website: WebSite) -> None:
    token = await website.log_in("operator")
    own = {"Origin": website.url, "Sec-Fetch-Site": "same-origin"}
    async with website.socket(token, headers=own) as socket:
        assert socket.is_let_in
    async with website.browser(token, own) as browser:
        assert (await browser.post("/logout")).status_code == 303


async def test_page_over_http_does_not_speak_for_one_over_https(website: WebSite) -> None:
    own = {"Origin": website.url.replace("https:", "http:")}
    async with website.browser(await website.log_in("operator"), own) as browser:
        assert (await browser.post("/logout")).status_code == (403 if website.https else 303)


async def test_if_sites_were_not_looked_at_others_would_speak(servers: Servers, tmp_path: Path) -> None:
    async with own_site(servers, tmp_path, "any_origin") as broken:
        token = await broken.log_in("operator")
        async with broken.socket(token, headers=FOREIGN[0]) as socket:
            assert socket.is_let_in
        async with broken.browser(token, FOREIGN[0]) as browser:
            assert (await browser.post("/logout")).status_code == 303


async def test_browsers_are_told_to_be_strict_about_everything(website: WebSite) -> None:
    token = await website.log_in("viewer")
    paths = ("/", "/alarms", "/nowhere", "/login", "/live", "/api/v1/sensors", "/api/v1/nowhere")
    async with website.browser(token) as browser, website.browser() as nobody:
        answers = [await each.get(path) for each in (browser, nobody) for path in paths]
        answers += [await browser.get("/static/style.css"), await nobody.post("/"), await nobody.get("/%00")]
    for answer in answers:
        headers, path = answer.headers, answer.request.url.path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert "'unsafe-inline'" not in headers["Content-Security-Policy"].split("style-src")[0]
        assert ("Strict-Transport-Security" in headers) == website.https
        assert "Server" not in headers
        assert headers.get("Cache-Control") == (None if path.startswith("/static/") else "no-store")
    nonces = {
        re.findall("'nonce-([^']+)'", answer.headers["Content-Security-Policy"])[0] for answer in answers
    }
    assert len(nonces) == len(answers)
