"""What is wrong with a payload, and what to write instead, in words that a person understands."""

import re

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from broker.messages import Reading
from broker.program.validation_errors import describe_error

SHOWN_CHARACTERS = 40
SHOWN_ERRORS = 3
EXPLANATIONS = {
    "missing": "{field} is missing",
    "timezone_aware": "{field} has no UTC offset; write it as 2026-11-23T10:00:00Z",
    "finite_number": "{field} is not a finite number",
    "float_type": "{field} is not a number; write it without quotation marks, as 12.5",
    "int_type": "{field} is not a whole number; write it without quotation marks, as 42",
    "string_type": "{field} is not a text; write it in quotation marks",
    "string_pattern_mismatch": "{field} may have 1 to 64 letters, digits, dots, underscores and dashes",
    "model_type": "a reading is a JSON object",
}
MAX_UNIX_SECONDS = 1e11  # in the year 5138
# What devices send instead of JSON, by how it begins. Of more, the patterns would take seconds.
LOOKED_AT_BYTES = 300
NOT_JSON = {
    rb"\xef\xbb\xbf": "it begins with a byte order mark; send UTF-8 without one",
    rb"\xff\xfe|\xfe\xff|[{[]\0|\0[{[]": "it is UTF-16; send UTF-8",
    rb"\x1f\x8b": "it is compressed; send it as it is",
    rb"\Z": "it is empty; send a reading as a JSON object",
    rb"\[?\s*{\s*'": "names and texts stand in single quotation marks; use double ones",
    rb"[^']*:\s*-?\d+,\d": "a number has a decimal comma; write it with a point, as 12.5",
}

# Rejects the same as the quick validators of rows, and says why.
_strict = TypeAdapter(Reading).validator


def explain_reading(payload: bytes) -> str | None:
    """Say what is wrong with a reading in JSON; None if nothing is."""
    try:
        _strict.validate_json(payload)
    except ValidationError as error:
        return "; ".join(explain(detail) for detail in error.errors(include_url=False)[:SHOWN_ERRORS])
    return None


def explain(detail: ErrorDetails) -> str:
    """Explain one error of pydantic."""
    field = str(detail["loc"][0]) if detail["loc"] else "the payload"
    if detail["type"] in EXPLANATIONS:
        return EXPLANATIONS[detail["type"]].format(field=field)
    message = describe_error(detail, {})
    if detail["type"].startswith("datetime"):
        if isinstance(detail["input"], float) and detail["input"] > MAX_UNIX_SECONDS:
            return f"{field} is not in Unix seconds; divide milliseconds by 1,000"
        return f"{field} is not a time ({message.rpartition(', ')[2]}); write it as 2026-11-23T10:00:00Z"
    # The value is hostile input: escaped and short.
    shown = ascii(detail["input"])[:SHOWN_CHARACTERS]
    return f"{field}: {message.removeprefix('input ')}, not {shown}"


def explain_not_json(payload: bytes, error: ValueError) -> str:
    """Say why a payload is not JSON.

    Args:
        payload: The payload.
        error: What the parser says of it.
    """
    beginning = payload.lstrip()[:LOOKED_AT_BYTES]
    hints = (hint for begins, hint in NOT_JSON.items() if re.match(begins, beginning))
    return f"not JSON: {next(hints, error)}"
