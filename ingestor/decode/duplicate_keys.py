"""Find fields that a reading gives twice: readers of JSON take the last, whichever was meant."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from broker.messages import ReadingRow

FIELDS = tuple(ReadingRow.__annotations__)
_QUOTED = tuple((field, f'"{field}"'.encode()) for field in FIELDS)
_SPACE = " \t\n\r"


class _JsonObject(list[tuple[str, object]]):
    """A JSON object, with every field that it gives."""


class DuplicateKeys(NamedTuple):
    """A reading that gives fields twice.

    Attributes:
        fields: These fields.
        payload: The reading, as it came.
    """

    fields: tuple[str, ...]
    payload: bytes


# Numbers stay text: of the longest Python would complain.
_decode: Callable[[str, int], tuple[object, int]] = json.JSONDecoder(
    object_pairs_hook=_JsonObject, parse_int=str, parse_float=str, parse_constant=str
).raw_decode


def count_quotes(reading: ReadingRow) -> int:
    """How many quotation marks a payload has for a reading: two for each field, and for each text.

    A payload that has no more of them gives no field twice, however the fields are written. One that has more
    gives a field that nobody knows, or a quotation mark in a text, or a field twice.
    """
    return 2 * (
        len(reading) + 1 + (type(reading["timestamp"]) is str) + (reading.get("location") is not None)
    )


def may_have_duplicate_keys(payload: bytes, rows: Sequence[object]) -> bool:
    """Whether a known field stands in a payload more often than in what was read from it."""
    # With a backslash, a name may be written in many ways.
    if b"\\" in payload:
        return True
    for field, quoted in _QUOTED:
        count = payload.count(quoted)
        if count > 1 and count > sum([isinstance(row, dict) and field in row for row in rows]):
            return True
    return False


def find_duplicate_keys(payload: bytes) -> dict[int | None, DuplicateKeys]:
    """Find the readings that give a field twice.

    Args:
        payload: JSON in UTF-8, which has been read before: it is well-formed and not deeply nested.

    Returns:
        By their places in the array; the place of a reading that is no array's is None.
    """
    text = payload.decode()
    found = {}
    for place, start, end, content in _readings(text):
        names = [name for name, _ in content] if isinstance(content, _JsonObject) else []
        if fields := tuple(field for field in FIELDS if names.count(field) > 1):
            found[place] = DuplicateKeys(fields, text[start:end].encode())
    return found


def _readings(text: str) -> Iterator[tuple[int | None, int, int, object]]:
    """Each reading with its place, and where it begins and ends in the text."""
    start = _skip(text, 0)
    if text[start] != "[":
        content, end = _decode(text, start)
        yield None, start, end, content
        return
    place, start = 0, _skip(text, start + 1)
    while text[start] != "]":
        content, end = _decode(text, start)
        yield place, start, end, content
        place, start = place + 1, _skip(text, end, _SPACE + ",")


def _skip(text: str, place: int, these: str = _SPACE) -> int:
    while text[place] in these:
        place += 1
    return place
