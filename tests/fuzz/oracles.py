"""What holds of everything that is told or kept, whoever has sent it."""

from collections.abc import Mapping
from typing import Any

import bson


def assert_is_sentence(text: str, most: int = 400) -> None:
    """One line for people: something, not too much, and nothing that is not seen."""
    assert text.strip(), "nothing is said"
    assert text.isprintable(), f"it has characters that are not seen: {text!a}"
    assert len(text) <= most, f"it has {len(text)} characters: {text[:most]!r}…"
    assert "Traceback" not in text, text


def assert_is_kept(document: Mapping[str, Any]) -> None:
    """MongoDB would take it, and give it back as it was."""
    kept = bson.decode(bson.encode(dict(document)))
    assert repr(kept) == repr(dict(document)), "MongoDB would keep something else"
