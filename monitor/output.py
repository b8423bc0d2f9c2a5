"""What people read: lines on standard output, and text that cannot do harm there."""

import os
import sys
from collections.abc import Sequence


def write_lines(lines: Sequence[str]) -> None:
    """Write lines, and end quietly when the one who reads them has read enough, as ``head`` does."""
    try:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def plain(text: str) -> str:
    """Take out what could steer a terminal or turn the direction of writing."""
    return "".join(character if character.isprintable() else "?" for character in text)
