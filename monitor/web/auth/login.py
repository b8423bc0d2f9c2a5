"""The page on which people log in. It needs no script."""

from html import escape

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from monitor.web.auth.client_address import client_address
from monitor.web.auth.cookie import delete_token, read_token, set_token
from monitor.web.auth.sessions import Authenticator, LoginThrottledError

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · Energy Monitor</title>
<link rel="icon" href="/static/icon.svg"><link rel="stylesheet" href="/static/style.css">
</head>
<body class="login">
<main>
<form method="post" action="/login">
<h1>Energy Monitor</h1>
{sentence}
<input type="hidden" name="next" value="{next}">
<label for="user">User</label>
<select id="user" name="user"><option value="viewer">viewer: look</option>
<option value="operator"{operator}>operator: look and act</option></select>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Log in</button>
<p class="hint">Passwords are in <code>.env</code>, or where the server was started.</p>
</form>
</main>
</body>
</html>
"""


def make_login_routes(access: Authenticator) -> APIRouter:
    """The pages for coming and going.

    Args:
        access: Who may come in.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def show(next: str = "/") -> Response:  # noqa: A002 - the name in the address
        return _page("", next, "viewer", 200)

    @router.post("/login")
    async def log_in(
        request: Request,
        user: str = Form(max_length=64),
        password: str = Form(max_length=1000),
        next: str = Form("/", max_length=2000),  # noqa: A002
    ) -> Response:
        try:
            token = await access.log_in(user, password, client_address(request))
        except LoginThrottledError as error:
            answer = _page(f"{error}; try again in {error.retry_after_s} s.", next, user, 429)
            answer.headers["Retry-After"] = str(error.retry_after_s)
            return answer
        if token is None:
            return _page("User or password is wrong.", next, user, 401)
        # Who comes anew leaves what they were before, and gets a token that nobody has seen.
        access.log_out(read_token(request))
        welcome = RedirectResponse(_local_path(next), 303)
        set_token(welcome, request, token.value, token.lifetime_s)
        return welcome

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        access.log_out(read_token(request))
        answer = RedirectResponse("/login", 303)
        delete_token(answer, request)
        return answer

    return router


def _page(sentence: str, following: str, user: str, status: int) -> HTMLResponse:
    told = f'<p class="wrong" role="alert">{sentence}</p>' if sentence else ""
    operator = " selected" if user == "operator" else ""
    page = PAGE.format(sentence=told, next=escape(_local_path(following)), operator=operator)
    return HTMLResponse(page, status)


def _local_path(path: str) -> str:
    """A path of this server; a whole address would lead people elsewhere."""
    # Browsers read a backslash as a slash, and leave out tabs and line breaks.
    is_own = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_own else "/"
