"""Another website has its own name lead to this machine (DNS rebinding)."""

from pathlib import Path

import pytest

from broker.program.hosts import HostNames
from stack.servers import Servers
from tests.fault_points.broker import WRONG_HOST
from tests.security.ingestors import attacked
from tests.security.limits.page import answers
from tests.security.own_site import own_site
from tests.security.web import WebSite
from tests.security.world import World

pytestmark = pytest.mark.integration

FOREIGN = [
    "evil.example",
    "evil.example:8080",
    "127.0.0.1.evil.example",
    "localhost.evil",
    "[::2]",
    "192.0.2.1",
]
OWN = ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080", "localhost."]


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", ["/login", "/", "/api/v1/token", "/live", "/static/style.css"])
async def test_page_does_not_answer_to_another_name(website: WebSite, host: str, path: str) -> None:
    async with website.browser(headers={"Host": host}) as victim:
        answer = await victim.get(path)
    assert answer.status_code == 421
    assert "add the name to ENERGY_HOSTS (--hosts)" in answer.text


async def test_live_page_does_not_either(website: WebSite) -> None:
    token = await website.log_in("operator")
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = {**upgrade, "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Host": "evil.example"}
    async with website.browser(token, headers) as victim:
        answer = await victim.get("/_nicegui_ws/socket.io/", params={"EIO": "4", "transport": "websocket"})
    assert answer.status_code == 403


@pytest.mark.parametrize("host", OWN)
async def test_page_answers_to_its_own_names(website: WebSite, host: str) -> None:
    async with website.browser(headers={"Host": host}) as somebody:
        assert (await somebody.get("/login")).status_code == 200


async def test_page_answers_to_a_name_that_is_set_and_without_the_check_to_any(
    servers: Servers, tmp_path: Path
) -> None:
    headers, evil = {"Host": "energy.example.org"}, {"Host": "evil.example"}
    async with own_site(servers, tmp_path, options=("--hosts", "pub.example,energy.example.org")) as site:
        async with site.browser(headers=headers) as somebody:
            assert (await somebody.get("/login")).status_code == 200
        async with site.browser(headers=evil) as victim:
            assert (await victim.get("/login")).status_code == 421
            with WRONG_HOST.replace(lambda *_: None):
                assert (await victim.get("/login")).status_code == 200


async def test_ingestor_does_not_answer_to_another_name(arena: World, log: Path) -> None:
    async with attacked(arena, log, "--hosts", "ingestor") as target:
        port = target.ingestor.http_port
        for path in ("/live", "/ready", "/metrics", "/nowhere"):
            assert " 421 " in await answers(port, path, "evil.example")
        assert " 200 " in await answers(port, "/metrics", "ingestor:8090")


@pytest.mark.parametrize("host", FOREIGN)
def test_server_on_all_addresses_goes_by_each_of_them_and_by_no_name(host: str) -> None:
    is_address = host in {"[::2]", "192.0.2.1"}
    for http in ("0.0.0.0:8080", "[::]:8080"):
        assert (HostNames(http, None).rejection(host) is None) == is_address
