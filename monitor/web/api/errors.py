"""Errors of the REST interface: always a word for programs and a sentence for people."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from broker.program.validation_errors import describe_error
from monitor.queries.database import QueryError

RETRY_AFTER_S = 5
SENTENCES = {"extra_forbidden": "there is no such parameter", "missing": "is missing"}
BAD_REQUEST, UNPROCESSABLE = 400, 422

# Every parameter is well-formed, but they do not fit each other or the data.
InvalidQueryKind = Literal["range", "combination", "cursor", "time_zone", "too_much"]
ProblemKind = Literal[InvalidQueryKind, "input", "token", "not_found", "method", "busy", "database", "other"]
KINDS: dict[int, ProblemKind] = {
    401: "token",
    404: "not_found",
    405: "method",
    UNPROCESSABLE: "input",
    429: "busy",
    503: "database",
}
_CHALLENGE = {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}}
_WAIT = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_HEADERS = {401: {"headers": _CHALLENGE}, 429: {"headers": _WAIT}, 503: {"headers": _WAIT}}


class Problem(BaseModel):
    """Why the request failed."""

    kind: ProblemKind = Field(description="One word for programs.", examples=["input"])
    detail: str = Field(description="One sentence for people.", examples=["limit: must be 1 or more"])


class InvalidQueryError(HTTPException):
    """Raised when a query is well-formed but cannot be answered; says why and what to do."""

    def __init__(self, kind: InvalidQueryKind, detail: str) -> None:
        super().__init__(UNPROCESSABLE, detail)
        self.kind: InvalidQueryKind = kind


def problem_responses(descriptions: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Document the errors of an operation, by status."""
    return {
        status: {"model": Problem, "description": description, **_HEADERS.get(status, {})}
        for status, description in descriptions.items()
    }


def problem_response(
    status: int, kind: ProblemKind, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Answer with an error."""
    return JSONResponse(Problem(kind=kind, detail=detail).model_dump(), status, headers)


def add_error_handlers(app: FastAPI) -> None:
    """Have an application answer all its errors in this form."""

    @app.exception_handler(RequestValidationError)
    async def on_input(_: Request, error: RequestValidationError) -> JSONResponse:
        detail = "; ".join(dict.fromkeys(map(_explain, error.errors())))
        return problem_response(UNPROCESSABLE, "input", detail)

    @app.exception_handler(QueryError)
    async def on_database(_: Request, error: QueryError) -> JSONResponse:
        return problem_response(503, "database", str(error), {"Retry-After": str(RETRY_AFTER_S)})

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> JSONResponse:
        # FastAPI answers 400 when it cannot parse a form.
        status = UNPROCESSABLE if error.status_code == BAD_REQUEST else error.status_code
        kind = error.kind if isinstance(error, InvalidQueryError) else KINDS.get(status, "other")
        return problem_response(status, kind, error.detail, error.headers)


def _explain(error: Mapping[str, Any]) -> str:
    where: Sequence[str | int] = [each for each in error["loc"] if each not in {"query", "path", "body"}]
    message = describe_error(error, SENTENCES).removeprefix("input ")
    return f"{where[0]}: {message}" if where else message
