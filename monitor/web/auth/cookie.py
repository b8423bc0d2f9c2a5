"""The cookie by which a browser shows who has logged in.

Over https its name begins with ``__Host-``: browsers take such a cookie over https only, from this very
host, so that no other server of the same domain and nobody on the way can slip in one of their own.
"""

from starlette.requests import HTTPConnection
from starlette.responses import Response

COOKIE_NAME = "energy_monitor"
SECURE_COOKIE_NAME = f"__Host-{COOKIE_NAME}"


def is_secure(connection: HTTPConnection) -> bool:
    """Whether a request came over https, to this process or to a proxy that it trusts."""
    return connection.scope.get("scheme") in {"https", "wss"}


def read_token(connection: HTTPConnection) -> str:
    """The token that a browser shows; empty if it shows none."""
    return connection.cookies.get(_name(connection), "")


def set_token(answer: Response, connection: HTTPConnection, token: str, stay_s: int) -> None:
    """Have a browser show a token from now on."""
    answer.set_cookie(
        _name(connection),
        token,
        max_age=stay_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=is_secure(connection),
    )


def delete_token(answer: Response, connection: HTTPConnection) -> None:
    """Have a browser forget its token."""
    # Browsers refuse to change a __Host- cookie by one that lacks what it had.
    answer.delete_cookie(
        _name(connection), path="/", httponly=True, samesite="strict", secure=is_secure(connection)
    )


def _name(connection: HTTPConnection) -> str:
    return SECURE_COOKIE_NAME if is_secure(connection) else COOKIE_NAME
