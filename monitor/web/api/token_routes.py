"""Tokens: issued for a password, checked in every other request."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.security import APIKeyCookie, OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict, Field

from monitor.web.api.errors import problem_responses
from monitor.web.api.models import ApiModel
from monitor.web.auth.cookie import COOKIE_NAME, read_token
from monitor.web.auth.login_throttle import client_address
from monitor.web.auth.sessions import SESSION_LIFETIME_S, Authenticator, Role

CHALLENGE = {"WWW-Authenticate": "Bearer"}

_bearer = OAuth2PasswordBearer(
    tokenUrl="token", auto_error=False, description="The `access_token` that `POST /token` returns."
)
_cookie = APIKeyCookie(
    name=COOKIE_NAME,
    auto_error=False,
    description="The cookie of the web page; over https its name starts with `__Host-`.",
)


class PasswordForm(BaseModel):
    """User and password, as in OAuth 2."""

    model_config = ConfigDict(extra="ignore")

    grant_type: Literal["password"] = Field("password", description="Always `password`.")
    username: str = Field(
        min_length=1, max_length=64, description="`viewer` or `operator`.", examples=["viewer"]
    )
    password: str = Field(min_length=1, max_length=1000, json_schema_extra={"format": "password"})


class AccessToken(ApiModel):
    """What to send from now on, as `Authorization: Bearer …`."""

    access_token: str
    token_type: Literal["bearer"] = Field("bearer")
    expires_in: int = Field(description="Lifetime in seconds.", examples=[43200])
    role: Role


def make_token_routes(authenticator: Authenticator) -> APIRouter:
    """Routes to log in and out."""
    router = APIRouter(tags=["token"])
    failures = {
        401: "Wrong user or password.",
        422: "The form is not valid.",
        429: "Too many wrong passwords, or too many log-ins at once.",
    }

    @router.post("/token", summary="Log in", responses=problem_responses(failures))
    async def log_in(
        request: Request,
        form: Annotated[PasswordForm, Form()],
        last: Annotated[str | None, Depends(_bearer)],
    ) -> AccessToken:
        """Get a token for a password. After five wrong ones, each further one has to wait longer.

        Send the last token along, even if it has expired: then you do not wait for others at your address.
        """
        address = client_address(request)
        token = await authenticator.log_in(form.username, form.password, address, last or "")
        session = authenticator.session_of(token or "")
        if not token or not session:
            raise HTTPException(401, "user or password is wrong", CHALLENGE)
        return AccessToken(access_token=token, expires_in=SESSION_LIFETIME_S, role=session.role)

    @router.delete(
        "/token",
        summary="Log out",
        status_code=204,
        responses=problem_responses({401: "The token is not valid."}),
        dependencies=[Depends(make_token_check(authenticator))],
    )
    async def log_out(request: Request, token: Annotated[str | None, Depends(_bearer)]) -> None:
        """Invalidate the token; pages that are open for it close."""
        for each in (token, read_token(request)):
            authenticator.log_out(each or "")

    return router


def make_token_check(authenticator: Authenticator) -> Callable[..., Coroutine[Any, Any, None]]:
    """A dependency that lets a request pass only with a valid token."""

    async def check(
        request: Request,
        token: Annotated[str | None, Depends(_bearer)],
        _: Annotated[str | None, Depends(_cookie)],
    ) -> None:
        # AuthMiddleware has checked the cookie, whose name differs over https.
        if request.state.session is None and (token is None or authenticator.session_of(token) is None):
            raise HTTPException(
                401, "log in first: send `Authorization: Bearer …` with a token from POST token", CHALLENGE
            )

    return check
