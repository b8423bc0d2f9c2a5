"""The session cookie.

Over https its name begins with ``__Host-``: browsers take such a cookie over https only and from this very
host, so neither another server of the domain nor anyone on the network can plant one.
"""

from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response

from monitor.web.auth.login_throttle import FAMILIAR_FOR_S
from monitor.web.auth.sessions import SESSION_LIFETIME_S

COOKIE_NAME = "energy_monitor"
SECURE_COOKIE_NAME = f"__Host-{COOKIE_NAME}"
# The last token, kept when the session has ended: it shows that the user has logged in with this browser.
DEVICE_SUFFIX = "_device"


def is_secure(connection: HTTPConnection) -> bool:
    """Whether a request came over https, to this process or to a trusted proxy."""
    return connection.scope.get("scheme") in {"https", "wss"}


def read_token(connection: HTTPConnection) -> str:
    """The token in a request; empty if there is none."""
    return connection.cookies.get(_attributes(connection)["key"], "")


def read_device_token(connection: HTTPConnection) -> str:
    """The last token that this browser got, which need not be that of a session any more."""
    return connection.cookies.get(_attributes(connection, DEVICE_SUFFIX)["key"], "")


def set_token(response: Response, connection: HTTPConnection, token: str) -> None:
    """Have a browser send a token from now on."""
    response.set_cookie(value=token, max_age=SESSION_LIFETIME_S, **_attributes(connection))
    device = _attributes(connection, DEVICE_SUFFIX)
    response.set_cookie(value=token, max_age=int(FAMILIAR_FOR_S), **device)


def delete_token(response: Response, connection: HTTPConnection) -> None:
    """Have a browser forget its token."""
    response.delete_cookie(**_attributes(connection))


def _attributes(connection: HTTPConnection, suffix: str = "") -> dict[str, Any]:
    # To delete a __Host- cookie takes the same attributes as to set it.
    secure = is_secure(connection)
    name = SECURE_COOKIE_NAME if secure else COOKIE_NAME
    return {"key": name + suffix, "path": "/", "httponly": True, "samesite": "strict", "secure": secure}
