"""What is wrong with a reading, in words that a person understands."""

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
    "float_type": "{field} is not a number",
    "string_pattern_mismatch": "{field} may have 1 to 64 letters, digits, dots, underscores and dashes",
    "model_type": "a reading is a JSON object",
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
    # The value is hostile input: escaped and short.
    shown = ascii(detail["input"])[:SHOWN_CHARACTERS]
    return f"{field}: {message.removeprefix('input ')}, not {shown}"
