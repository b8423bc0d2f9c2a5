"""Text from outside, as it may be shown: on a terminal, on a page, in a log, in a notification.

Text from a sensor, a person or a file may hold invisible control characters: they clear a terminal, forge
a line of a log, or reverse the direction of writing so that one text reads as another. They are shown as
JSON writes them, which has no effect. Escape with ``escape_text`` at the last moment, where text is shown;
what is stored and what is sent stays unchanged.
"""

import json
import re

# What is put where a text is cut.
ELLIPSIS = "…"

# Python takes these for printable, but nothing is seen of them: joiners, fillers and blanks of scripts, and
# variation selectors other than the one behind a symbol, which makes an emoji of it.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0e\uffa0\U0001d159\U000e0100-\U000e01ef]"
    "|(?<![#*0-9\u2000-\u33ff\U0001f000-\U0001faff])\ufe0f"
)


def escape_text(text: str) -> str:
    r"""Escape what cannot be printed: ``\n`` for a line break, ``\u001b`` for ESC, ``\u202e``.

    These are the control characters (C0, DEL, C1), those that turn the direction of writing, those that have
    no width, tags, fillers, all line breaks, all spaces but the usual one, lone surrogates, and what Unicode
    does not know.
    """
    if text.isascii() and text.isprintable():
        return text
    text = INVISIBLE.sub(lambda found: json.dumps(found[0])[1:-1], text)
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() else json.dumps(each)[1:-1] for each in text])


def escape_truncated(text: str, most: int) -> str:
    """The same, in at most so many characters."""
    # Of a text without end, only so much is looked at.
    shown = escape_text(text[: most + 1])
    return shown if len(shown) <= most else shown[: most - len(ELLIPSIS)] + ELLIPSIS
