"""What a browser says of itself: the first byte of an input chooses http or https; each
line behind it is a header.

Who has not logged in does not pass, whatever they send; another site never speaks for who has.
"""

import asyncio
import ipaddress
import re
from functools import cache
from http import HTTPStatus
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from monitor.web.auth.auth_middleware import AuthMiddleware
from monitor.web.auth.cookie import COOKIE_NAME, SECURE_COOKIE_NAME, read_token, set_token
from monitor.web.auth.csrf import is_same_origin
from monitor.web.auth.login_throttle import LoginAttempt, client_address
from monitor.web.auth.sessions import Authenticator

TOKEN, HOST = "right-token", "energy.example.org"
LINES = 20
_HTTP, _HTTPS = b"\0", b"\1"


def _asked(scheme: bytes, *headers: bytes) -> bytes:
    return scheme + b"\n".join(headers)


_MINE = f"Cookie: {COOKIE_NAME}={TOKEN}".encode()
_MINE_SAFELY = f"Cookie: {SECURE_COOKIE_NAME}={TOKEN}".encode()
_AT = f"Host: {HOST}".encode()
SEEDS = (
    b"",
    _asked(_HTTP, _AT, _MINE, f"Origin: http://{HOST}".encode()),
    _asked(_HTTPS, _AT, _MINE_SAFELY, f"Origin: https://{HOST}".encode()),
    _asked(_HTTPS, _AT, _MINE, f"Origin: https://{HOST}".encode()),
    _asked(_HTTPS, _AT, _MINE_SAFELY, f"Origin: http://{HOST}".encode()),
    _asked(_HTTP, _AT, _MINE, f"Origin: ftp://{HOST}".encode()),
    _asked(_HTTP, _AT, _MINE, b"Origin: http://["),
    _asked(_HTTP, _AT, _MINE, b"Origin: http://h\xc2\xb2"),
    _asked(_HTTP, b"Host: ", _MINE, b"Origin: null"),
    _asked(_HTTP, _AT, _MINE, b"Origin: null"),
    _asked(_HTTP, _AT, _MINE, b"Origin: "),
    _asked(_HTTP, _AT, _MINE, f"Origin: http://{HOST}/x".encode()),
    _asked(_HTTP, _AT, _MINE, f"Origin: http://evil\t@{HOST}".encode()),
    _asked(_HTTP, _AT, _MINE, f"Origin: http:{HOST}".encode()),
    _asked(_HTTP, _AT, _MINE, f"Origin: http://{HOST}".encode(), b"Origin: http://evil"),
    _asked(_HTTP, _AT, _MINE, b"Origin: http://evil", f"Origin: http://{HOST}".encode()),
    _asked(_HTTP, _AT, _MINE, b"Sec-Fetch-Site: cross-site"),
    _asked(_HTTP, _AT, _MINE, b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Site: cross-site"),
    _asked(_HTTP, _AT, b'Cookie: energy_monitor="right\\055token"'),
    _asked(_HTTP, _AT, b"Cookie: ENERGY_MONITOR=right-token; energy_monitor=; =right-token"),
    _asked(_HTTP, _AT, b"Cookie: energy_monitor=wrong; energy_monitor=right-token"),
    _asked(_HTTP, _AT, b"Cookie: " + b"a=b;" * 10_000),
    _asked(_HTTP, _AT, b"Cookie: energy_monitor=\xff\xfe\0\x1b"),
    _asked(_HTTP, b"Content-Length: " + b"9" * 5_000),
    _asked(_HTTP, b"Content-Length: -1", b"Transfer-Encoding: chunked"),
    _asked(_HTTP, b"Address: fe80::1%\xe2\x80\xae"),
    _asked(_HTTP, b"Address: " + b"1" * 60_000),
    _asked(_HTTP, b"Address: ::ffff:192.0.2.7"),
    _asked(_HTTP, b"Address: 2001:db8::1"),
)
TOKENS = tuple(
    b"Host: Origin: Cookie: Sec-Fetch-Site: Address: energy_monitor= __Host-energy_monitor= "
    b"right-token energy.example.org http://energy.example.org https://energy.example.org null "
    b"cross-site same-origin none 2001:db8::1 ::ffff:192.0.2.7 http://[ @ ; \\055 %00".split()
)


def check(data: bytes) -> None:
    number = data[0] if data else 0
    pairs = [_split(line) for line in data[1:].split(b"\n")[:LINES]]
    address = next((value.decode("latin-1") for name, value in pairs if name == b"address"), "192.0.2.1")
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "scheme": "https" if number % 2 else "http",
        "headers": [(name, value) for name, value in pairs if name != b"address"],
        "client": (address, 1),
    }
    connection = HTTPConnection(scope)
    _check_cookie(connection)
    _check_origin(connection)
    _check_address(connection, address)
    _check_gate(scope)


def _split(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.strip().lower(), value.strip()


def _said(connection: HTTPConnection, name: str) -> list[str]:
    return connection.headers.getlist(name)


def _check_cookie(connection: HTTPConnection) -> None:
    """Over https, only the name counts that no other server can set."""
    name = SECURE_COOKIE_NAME if connection.scope["scheme"] == "https" else COOKIE_NAME
    token = read_token(connection)
    raw = "; ".join(_said(connection, "cookie"))
    assert not token or re.search(rf"(^|[;,\s]){re.escape(name)}\s*=", raw), "another cookie counts"
    answer = Response()
    set_token(answer, connection, TOKEN)
    given = answer.headers["set-cookie"]
    assert given.startswith(f"{name}={TOKEN}; ")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {*given.split("; ")}
    assert ("Secure" in given.split("; ")) == (name == SECURE_COOKIE_NAME)


def _check_origin(connection: HTTPConnection) -> None:
    if not is_same_origin(connection):
        return
    origins, hosts = _said(connection, "origin"), _said(connection, "host")
    assert [*_said(connection, "sec-fetch-site"), "none"][0] in {"none", "same-origin"}
    if origins:
        schemes = {"https"} if connection.scope["scheme"] == "https" else {"http", "https"}
        assert hosts
        assert hosts[0], "nobody's page speaks for nobody's host"
        assert origins[0] in {f"{scheme}://{hosts[0]}" for scheme in schemes}, (
            f"{origins[0]!a} is another site"
        )


def _check_address(connection: HTTPConnection, address: str) -> None:
    """Guesses are counted for one address, or one network, and never for everybody."""
    place = LoginAttempt.of("viewer", client_address(connection)).network
    assert len(place) <= 64
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return
    assert ipaddress.ip_network(place).prefixlen >= 32
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    assert (mapped or ip) in ipaddress.ip_network(place, strict=False)


@cache
def _access() -> Authenticator:
    return Authenticator({"viewer": "a", "operator": "b"})


def _check_gate(scope: Scope) -> None:
    """Nobody passes: no token is handed out here."""
    answers: list[int] = []

    async def behind(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError("somebody passes who has not logged in")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI
        if message["type"] == "http.response.start":
            answers.append(message["status"])

    asyncio.run(AuthMiddleware(behind, _access())(scope, receive, send))
    assert answers[0] in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
