"""Who asks: tokens are handed out for a password, and looked for in every other question."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.security import APIKeyCookie, OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict, Field

from monitor.web.api.errors import Problem
from monitor.web.api.models import ApiModel
from monitor.web.auth.cookie import COOKIE_NAME, read_token
from monitor.web.auth.login_throttle import client_address
from monitor.web.auth.sessions import Authenticator, LoginThrottledError, Role

CHALLENGE = {"WWW-Authenticate": "Bearer"}

_bearer = OAuth2PasswordBearer(
    tokenUrl="token", auto_error=False, description="The `access_token` that `POST /token` gives."
)
_cookie = APIKeyCookie(
    name=COOKIE_NAME,
    auto_error=False,
    description="What the web page has after a log-in; over https, `__Host-` is before its name.",
)


class PasswordForm(BaseModel):
    """User and password, as OAuth 2 wants them."""

    model_config = ConfigDict(extra="ignore")

    grant_type: Literal["password"] = Field("password", description="Always `password`.")
    username: str = Field(
        min_length=1, max_length=64, description="`viewer` or `operator`.", examples=["viewer"]
    )
    password: str = Field(min_length=1, max_length=1000, json_schema_extra={"format": "password"})


class AccessToken(ApiModel):
    """What to show from now on, as `Authorization: Bearer …`."""

    access_token: str = Field(description="The token.")
    token_type: Literal["bearer"] = Field("bearer")
    expires_in: int = Field(description="For how long it is good, seconds.", examples=[43200])
    role: Role = Field(description="Whose it is.")


def make_token_routes(authenticator: Authenticator) -> APIRouter:
    """The way to a token.

    Args:
        authenticator: Who may come in.
    """
    router = APIRouter(tags=["token"])
    wait = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    ask = {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}}
    rejected = {"model": Problem, "description": "The token is not valid.", "headers": ask}

    @router.post(
        "/token",
        summary="Log in",
        responses={
            401: {"model": Problem, "description": "User or password is wrong.", "headers": ask},
            422: {"model": Problem, "description": "The form is not filled in as it should be."},
            429: {
                "model": Problem,
                "description": "Too many wrong passwords, or too many log in.",
                "headers": wait,
            },
        },
    )
    async def log_in(request: Request, form: Annotated[PasswordForm, Form()]) -> AccessToken:
        """Get a token for a password. After five wrong ones, each has to wait longer than the last."""
        try:
            token = await authenticator.log_in(form.username, form.password, client_address(request))
        except LoginThrottledError as error:
            wait_s = str(error.retry_after_s)
            raise HTTPException(429, f"{error}; try again in {wait_s} s", {"Retry-After": wait_s}) from None
        session = token and authenticator.session_of(token.value)
        if not token or not session:
            raise HTTPException(401, "user or password is wrong", CHALLENGE)
        return AccessToken(access_token=token.value, expires_in=token.lifetime_s, role=session.role)

    @router.delete(
        "/token",
        summary="Log out",
        status_code=204,
        responses={401: rejected},
        dependencies=[Depends(make_token_check(authenticator))],
    )
    async def log_out(request: Request, token: Annotated[str | None, Depends(_bearer)]) -> None:
        """Make the token that is shown worthless; pages that are open for it end."""
        for each in (token, read_token(request)):
            authenticator.log_out(each or "")

    return router


def make_token_check(authenticator: Authenticator) -> Callable[..., Coroutine[Any, Any, None]]:
    """What lets a question pass only from somebody who has logged in.

    Args:
        authenticator: Who may come in.
    """

    async def check(
        request: Request,
        token: Annotated[str | None, Depends(_bearer)],
        _: Annotated[str | None, Depends(_cookie)],
    ) -> None:
        # The gate has looked at the cookie, whose name is another one over https.
        if request.state.session is None and (token is None or authenticator.session_of(token) is None):
            raise HTTPException(
                401, "log in first: send `Authorization: Bearer …` with a token from POST token", CHALLENGE
            )

    return check
