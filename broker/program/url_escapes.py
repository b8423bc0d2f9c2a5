"""What a user or password in a URL may not contain as it is."""

import re
from urllib.parse import quote

# Each of these ends a part of a URL.
DELIMITERS = "@:/?#[]"


def has_lone_percent(text: str) -> bool:
    """Whether a ``%`` begins no escape."""
    return re.search(r"%(?![0-9A-Fa-f]{2})", text) is not None


def escaping_hint(url: str) -> str:
    """Say how to write the characters of a URL's user and password that mean something else there.

    Returns:
        The end of a sentence, which shows nothing else of the URL; empty if there are no such characters.
    """
    user, _, password = url.partition("://")[2].rpartition("@")[0].partition(":")
    both = user + password
    found = ["%"] if has_lone_percent(both) else []
    found += [each for each in DELIMITERS if each in both]
    if not found:
        return ""
    escapes = ", ".join(f"{each} as {quote(each, safe='')}" for each in found)
    return f"; in a user or password, write {escapes}"
