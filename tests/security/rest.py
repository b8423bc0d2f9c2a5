"""Every operation that the REST interface says it has, asked with whatever an attacker has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from tests.security.web import WebSite

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
# The only thing that somebody may have who has shown nothing.
OPEN = {("POST", "/token")}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        method: As in a request.
        path: As it is described, with names in braces.
        described: What the interface says of it; nothing if it is not offered.
    """

    method: str
    path: str
    described: Mapping[str, Any]

    def parameters(self, kind: str) -> list[str]:
        """The names of its parameters in the ``path`` or the ``query``."""
        return [each["name"] for each in self.described.get("parameters", []) if each["in"] == kind]

    def url(self, names: Mapping[str, str]) -> str:
        """Its address, for things of these names."""
        path = self.path
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        return f"/api/v1{path}"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


async def operations(site: WebSite, *, offered: bool = True) -> list[Operation]:
    """What the interface offers, or every other method of its paths."""
    async with site.browser() as nobody:
        paths = (await nobody.get("/api/v1/openapi.json")).json()["paths"]
    found = []
    for path, methods in paths.items():
        for method in METHODS:
            described = methods.get(method.lower(), {})
            if bool(described) is offered and not (method == "HEAD" and not offered):
                # What a path has, its other methods are asked with as well.
                found.append(Operation(method, path, described or {"of": methods}))
    assert len(found) >= 10
    # Logging out comes last.
    return sorted(found, key=lambda each: each.path == "/token")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def ask(
    client: httpx.AsyncClient, operation: Operation, names: Mapping[str, str], **asked: str
) -> httpx.Response:
    return await client.request(operation.method, operation.url(names), params=asked)
