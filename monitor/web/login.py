"""The page on which people log in. It needs no script."""

from html import escape
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from monitor.web.access import Access, BusyError
from monitor.web.gate import COOKIE, is_from_here

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


def make_login(access: Access) -> APIRouter:
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
        if not is_from_here(request):
            return PlainTextResponse("this form was sent from another site", 403)
        try:
            token = await access.log_in(user, password)
        except BusyError:
            return _page("Too many people are logging in; try again in a minute.", next, user, 429)
        if token is None:
            return _page("User or password is wrong.", next, user, 401)
        answer = RedirectResponse(_own_path(next), 303)
        answer.set_cookie(
            COOKIE,
            token.text,
            max_age=token.stay_s,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        if not is_from_here(request):
            return PlainTextResponse("this form was sent from another site", 403)
        access.log_out(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    return router


def _page(sentence: str, following: str, user: str, status: int) -> HTMLResponse:
    told = f'<p class="wrong" role="alert">{sentence}</p>' if sentence else ""
    operator = " selected" if user == "operator" else ""
    page = PAGE.format(sentence=told, next=escape(_own_path(following)), operator=operator)
    return HTMLResponse(page, status, {"Cache-Control": "no-store"})


def _own_path(path: str) -> str:
    """A path of this server; a whole address would lead people elsewhere."""
    parts = urlsplit(path)
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if is_own else "/"
