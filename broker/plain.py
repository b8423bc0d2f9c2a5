"""Text from outside, as it may be shown: on a terminal, on a page, in a log, in a notification.

Whatever a sensor, a person or a file says may hold characters that are not seen but do something: they
clear a terminal, forge a line of a log, or turn the direction of writing, so that a text reads as another.
They are shown as JSON writes them, and so do nothing. Whoever shows a text puts it through ``escape_text``, at the
last moment; what is kept and what is sent stays what it was.
"""

import json

# What is put where a text is cut.
ELLIPSIS = "…"


def escape_text(text: str) -> str:
    r"""Escape what cannot be printed: ``\n`` for a line break, ``\u001b`` for ESC, ``\u202e``.

    These are the control characters (C0, DEL, C1), those that turn the direction of writing, those that have
    no width, all line breaks, all spaces but the usual one, lone surrogates, and what Unicode does not know.
    """
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() else json.dumps(each)[1:-1] for each in text])


def escape_truncated(text: str, most: int) -> str:
    """The same, in at most so many characters."""
    # Of a text without end, only so much is looked at.
    shown = escape_text(text[: most + 1])
    return shown if len(shown) <= most else shown[: most - len(ELLIPSIS)] + ELLIPSIS
