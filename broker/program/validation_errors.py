"""What pydantic finds wrong, in the words of a sentence for people."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from broker.topics import ID_RULE

SENTENCES = MappingProxyType(
    {
        "extra_forbidden": "there is no such setting",
        "missing": "it is missing",
        "string_pattern_mismatch": ID_RULE,
        "too_short": "it is empty; there must be at least one",
    }
)


def first_error(error: ValidationError) -> ErrorDetails:
    """The first of what is wrong, which is enough for one sentence."""
    return error.errors(include_url=False, include_context=False)[0]


def describe_error(detail: Mapping[str, Any] | ErrorDetails, sentences: Mapping[str, str] = SENTENCES) -> str:
    """Say what is wrong, without where, to be read after a colon.

    Args:
        detail: One error.
        sentences: What to say instead of pydantic's words, by type of error.
    """
    message: str = sentences.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    return message[:1].lower() + message[1:]
