"""Text that is shown. What comes out can be seen, says what went in, and is as short as it is to be.

The first byte is the length that ``escape_truncated`` may have.
"""

import json
import unicodedata

from broker.program.escape import ELLIPSIS, escape_text, escape_truncated
from monitor.export.formats import escape_cell

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
SEEDS = tuple(
    b"\x28" + text.encode(errors="surrogatepass")
    for text in (
        "Room 7",
        "a\x1b[2J\u202eb\nc",
        "".join(map(chr, range(0x300))),
        "\ud800 \udfff",
        "\U000e0001\U0010ffff\ufff9\ufeff",
        "\\u202e",
        "\\\\n",
        "\u2028" * 10_000,
        "x" * 65_536,
        "=cmd|' /C calc'!A0",
        "\uff1dHYPERLINK()",
        "\t=1+1",
        "",
    )
)
TOKENS = (
    b"\x1b[2J", "\u202e".encode(), "\u2066".encode(), b"\\u202e", b"\r\n", b"\x00", "\u00a0".encode(),
    b"=1+1", "\u200b".encode(), b"\xed\xa0\x80", "\U000e0001".encode(), "\u0085".encode(), b"\\", b'"',
)  # fmt: skip


def check(data: bytes) -> None:
    most, text = (data[0] % 80) + 1 if data else 1, _decode(data[1:])
    shown = escape_text(text)
    assert shown.isprintable()
    assert not any(unicodedata.category(each) in UNSEEN for each in shown)
    assert escape_text(shown) == shown, "shown again, it is another text"
    assert len(shown) <= 12 * len(text), "it grows without bound"
    # Two halves of one character in a row are that character to whoever reads them.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert _read_back(text) == whole, "it does not say what went in"
    brief = escape_truncated(text, most)
    assert len(brief) <= most
    assert brief.isprintable()
    assert brief in (shown, shown[: most - len(ELLIPSIS)] + ELLIPSIS)
    cell = escape_cell(text) or ""
    assert cell.removeprefix("'") == shown.removeprefix("'")
    assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def _decode(data: bytes) -> str:
    """Any bytes as a text, which may hold lone surrogates."""
    try:
        return data.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return data.decode(errors="surrogateescape")


def _read_back(text: str) -> str:
    """What a reader of JSON makes of a text that is shown, if backslashes and quotes are marked before."""
    marked = "".join(f"\\{each}" if each in '"\\' else each for each in text)
    said: str = json.loads(f'"{escape_text(marked)}"')
    return said
