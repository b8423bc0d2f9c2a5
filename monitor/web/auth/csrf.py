"""From which site a request comes, as far as a browser says so; who is no browser says nothing."""

from starlette.requests import HTTPConnection

from monitor.web.auth.cookie import is_secure

SAME_ORIGIN_VALUES = frozenset({"same-origin", "none"})


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a page of this server asks, or the person themselves, or who is no browser."""
    headers = connection.headers
    if headers.get("Sec-Fetch-Site", "none") not in SAME_ORIGIN_VALUES:
        return False
    origin, host = headers.get("Origin"), headers.get("Host")
    if origin is None:
        return True
    # Browsers write both in one way, so that nothing has to be taken apart. Behind a proxy that is not
    # trusted, https to people looks like http here; the opposite cannot be.
    schemes = ("https",) if is_secure(connection) else ("http", "https")
    return bool(host) and origin in [f"{scheme}://{host}" for scheme in schemes]
