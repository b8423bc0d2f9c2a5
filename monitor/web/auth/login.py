"""The log-in page. It needs no script and no NiceGUI."""

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from monitor.web.auth.cookie import delete_token, read_device_token, read_token, set_token
from monitor.web.auth.login_throttle import client_address
from monitor.web.auth.sessions import Authenticator, LoginThrottledError
from monitor.web.html import render


def make_login_routes(authenticator: Authenticator) -> APIRouter:
    """Make the routes to log in and out."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def show(next: str = "/") -> Response:  # noqa: A002 - the name in the address
        return _page(next)

    @router.post("/login")
    async def log_in(
        request: Request,
        user: str = Form(max_length=64),
        password: str = Form(max_length=1000),
        next: str = Form("/", max_length=2000),  # noqa: A002
    ) -> Response:
        try:
            shown = (read_device_token(request), read_token(request))
            token = await authenticator.log_in(user, password, client_address(request), *shown)
        except LoginThrottledError as error:
            page = _page(next, user, f"{error.detail}.", status=error.status_code)
            page.headers.update(error.headers or {})
            return page
        if token is None:
            return _page(next, user, "Wrong user or password.", status=401)
        # A new log-in ends the old session and gets a new token (no session fixation).
        authenticator.log_out(read_token(request))
        response = RedirectResponse(_local_path(next), 303)
        set_token(response, request, token)
        return response

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        authenticator.log_out(read_token(request))
        response = RedirectResponse("/login", 303)
        delete_token(response, request)
        return response

    return router


def _page(target: str, user: str = "", error: str = "", *, status: int = 200) -> Response:
    return HTMLResponse(render("login.html", next=_local_path(target), user=user, error=error), status)


def _local_path(path: str) -> str:
    """The path if it is one of this server, else ``/``: no redirect to another site."""
    # Browsers read a backslash as a slash, and leave out tabs and line breaks.
    is_local = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_local else "/"
