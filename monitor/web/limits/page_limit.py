"""How many pages are kept for a session, and for all of a role.

NiceGUI keeps each page that is loaded for a minute, and longer if a web socket asks for it.
"""

from nicegui import Client, core
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.web.auth.sessions import Session

# More than its web sockets, each of which shows one.
PAGES_OF_SESSION = 40
PAGES_OF_ROLE = 200


class PageLimit:
    """Removes the oldest pages of a session or role before there is one more than the limit."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        core.app.on_delete(_forget)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, which may load a page."""
        session = scope.get("state", {}).get("session")
        if scope["type"] == "http" and session is not None:
            remove_pages(session)
        await self.app(scope, receive, send)


def remove_pages(session: Session) -> None:
    """Remove pages beyond the limits, at first those without a browser."""
    pages = sorted(
        [(each, owner) for each in Client.instances.values() if (owner := _owner(each)) is not None],
        key=lambda page: page[0].has_socket_connection,
    )
    own = [client for client, owner in pages if owner is session]
    of_role = [client for client, owner in pages if owner.role == session.role]
    for client in {
        *own[: max(0, len(own) - PAGES_OF_SESSION + 1)],
        *of_role[: max(0, len(of_role) - PAGES_OF_ROLE + 1)],
    }:
        client.delete()


def _forget(client: Client) -> None:
    """Remove a page once, though NiceGUI waits for each of its browsers by itself."""
    for waiting in client._delete_tasks.values():  # noqa: SLF001 - there is no other way to them
        waiting.cancel()


def _owner(client: Client) -> Session | None:
    return getattr(client.request.state, "session", None)
