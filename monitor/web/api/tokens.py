"""Who asks: tokens are handed out for a password, and looked for in every other question."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, HTTPException
from fastapi.security import APIKeyCookie, OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict, Field

from monitor.web.access import Access, BusyError, Role
from monitor.web.api.errors import Problem
from monitor.web.api.models import Answer
from monitor.web.gate import COOKIE

BUSY_S = 10
ASK = {"WWW-Authenticate": "Bearer"}

_bearer = OAuth2PasswordBearer(
    tokenUrl="token", auto_error=False, description="The `access_token` that `POST /token` gives."
)
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="What the web page has after a log-in.")


class Password(BaseModel):
    """User and password, as OAuth 2 wants them."""

    model_config = ConfigDict(extra="ignore")

    grant_type: Literal["password"] = Field("password", description="Always `password`.")
    username: str = Field(
        min_length=1, max_length=64, description="`viewer` or `operator`.", examples=["viewer"]
    )
    password: str = Field(min_length=1, max_length=1000, json_schema_extra={"format": "password"})


class Token(Answer):
    """What to show from now on, as `Authorization: Bearer …`."""

    access_token: str = Field(description="The token.")
    token_type: Literal["bearer"] = Field("bearer")
    expires_in: int = Field(description="For how long it is good, seconds.", examples=[43200])
    role: Role = Field(description="Whose it is.")


def make_token_routes(access: Access) -> APIRouter:
    """The way to a token.

    Args:
        access: Who may come in.
    """
    router = APIRouter(tags=["token"])
    wait = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    ask = {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}}

    @router.post(
        "/token",
        summary="Log in",
        responses={
            401: {"model": Problem, "description": "User or password is wrong.", "headers": ask},
            422: {"model": Problem, "description": "The form is not filled in as it should be."},
            429: {"model": Problem, "description": "Too many are logging in.", "headers": wait},
        },
    )
    async def log_in(form: Annotated[Password, Form()]) -> Token:
        """Get a token for a password. A wrong one takes a second."""
        try:
            token = await access.log_in(form.username, form.password)
        except BusyError:
            raise HTTPException(
                429, "too many are logging in; try again in a while", {"Retry-After": str(BUSY_S)}
            ) from None
        person = token and access.whose(token.text)
        if not token or not person:
            raise HTTPException(401, "user or password is wrong", ASK)
        return Token(access_token=token.text, expires_in=token.stay_s, role=person.role)

    return router


def make_check(access: Access) -> Callable[..., Coroutine[Any, Any, None]]:
    """What lets a question pass only from somebody who has logged in.

    Args:
        access: Who may come in.
    """

    async def check(
        token: Annotated[str | None, Depends(_bearer)], cookie: Annotated[str | None, Depends(_cookie)]
    ) -> None:
        if not any(access.whose(each) for each in (token, cookie) if each):
            raise HTTPException(
                401, "log in first: send `Authorization: Bearer …` with a token from POST token", ASK
            )

    return check
