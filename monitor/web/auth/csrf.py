"""Protection from cross-site requests by the headers that browsers send; programs send none of them."""

from starlette.requests import HTTPConnection

from monitor.web.auth.cookie import is_secure

SAME_ORIGIN_VALUES = frozenset({"same-origin", "none"})


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a page of this server, a user, or a program sends a request; not another site."""
    headers = connection.headers
    if headers.get("Sec-Fetch-Site", "none") not in SAME_ORIGIN_VALUES:
        return False
    origin, host = headers.get("Origin"), headers.get("Host")
    if origin is None:
        return True
    # Browsers write both in one way, so nothing has to be parsed. Behind an untrusted proxy, https looks
    # like http here; the opposite cannot happen.
    schemes = ("https",) if is_secure(connection) else ("http", "https")
    return bool(host) and origin in [f"{scheme}://{host}" for scheme in schemes]
