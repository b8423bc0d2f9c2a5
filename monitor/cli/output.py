"""What people read: lines on standard output."""

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
