"""What the REST interface says when it cannot give what was asked for: always a word and a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from broker.validation_errors import describe_error
from monitor.queries.database import QueryError

RETRY_AFTER_S = 5
SENTENCES = {"extra_forbidden": "there is no such parameter", "missing": "is missing"}
BAD_REQUEST = 400

# Those that are about a question whose parts are all well-formed, but do not fit each other or the data.
InvalidQueryKind = Literal["range", "combination", "cursor", "time_zone", "too_much"]
ProblemKind = Literal[InvalidQueryKind, "input", "token", "not_found", "method", "busy", "database", "other"]
KINDS: dict[int, ProblemKind] = {401: "token", 404: "not_found", 405: "method", 429: "busy", 503: "database"}


class Problem(BaseModel):
    """Why there is no other answer."""

    kind: ProblemKind = Field(description="One word for programs.", examples=["input"])
    detail: str = Field(description="One sentence for people.", examples=["limit: must be 1 or more"])


class InvalidQueryError(Exception):
    """Raised when a question is well-formed but cannot be answered; says why.

    Args:
        kind: Why, in one word.
        detail: Why and what to do, in one sentence.
    """

    def __init__(self, kind: InvalidQueryKind, detail: str) -> None:
        super().__init__(detail)
        self.kind: InvalidQueryKind = kind


def problem_responses(**more: str) -> dict[int | str, dict[str, Any]]:
    """The errors of an operation that asks the database, for its documentation.

    Args:
        more: Others, as ``s404="There is no such sensor."``.
    """
    wait = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    ask = {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}}
    responses: dict[int | str, dict[str, Any]] = {
        401: {
            "model": Problem,
            "description": "No token, or one that is not valid any more.",
            "headers": ask,
        },
        422: {"model": Problem, "description": "The question cannot be answered as it is; says why."},
        503: {"model": Problem, "description": "The database does not answer.", "headers": wait},
    }
    for status, description in more.items():
        responses[int(status[1:])] = {"model": Problem, "description": description}
    return responses


def problem_response(
    status: int, kind: ProblemKind, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Write an error."""
    return JSONResponse(Problem(kind=kind, detail=detail).model_dump(), status, headers)


def add_error_handlers(app: FastAPI) -> None:
    """Make an application answer all its errors in this way."""

    @app.exception_handler(RequestValidationError)
    async def on_input(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem_response(422, "input", "; ".join(dict.fromkeys(map(_explain, error.errors()))))

    @app.exception_handler(InvalidQueryError)
    async def on_unfit(_: Request, error: InvalidQueryError) -> JSONResponse:
        return problem_response(422, error.kind, str(error))

    @app.exception_handler(QueryError)
    async def on_database(_: Request, error: QueryError) -> JSONResponse:
        return problem_response(503, "database", str(error), {"Retry-After": str(RETRY_AFTER_S)})

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == BAD_REQUEST:
            return problem_response(422, "input", error.detail)
        return problem_response(
            error.status_code, KINDS.get(error.status_code, "other"), error.detail, error.headers
        )


def _explain(error: Mapping[str, Any]) -> str:
    where: Sequence[str | int] = [each for each in error["loc"] if each not in {"query", "path", "body"}]
    message = describe_error(error, SENTENCES).removeprefix("input ")
    return f"{where[0]}: {message}" if where else message
