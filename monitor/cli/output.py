"""What people read: lines on standard output."""

import sys
from collections.abc import Sequence

from broker.program.process import discard_output
from broker.program.settings import exit_with


def write_lines(lines: Sequence[str]) -> None:
    """Write lines, and end quietly when the one who reads them has read enough, as ``head`` does."""
    try:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
    except OSError as error:
        discard_output()
        exit_with("monitor", f"the output cannot be written ({error.strerror})", 1)
