"""Read files of people, which may be endless, into memory that is not."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MAX_SMALL_BYTES = 1024 * 1024
# Far more than the longest line that a program of ours writes.
MAX_LINE_BYTES = 16 * 1024 * 1024


class LongLineError(Exception):
    """Raised when a line is too long; says which one."""


def read_small(file: Path) -> str:
    """Read a text of at most 1 MiB: a setting, a scenario.

    Raises:
        OSError: It cannot be read, or is larger.
        UnicodeDecodeError: It is not UTF-8.
    """
    with file.open("rb") as opened:
        content = opened.read(MAX_SMALL_BYTES + 1)
    if len(content) > MAX_SMALL_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(file))
    return content.decode()


def read_lines(opened: BinaryIO) -> Iterator[bytes]:
    """Read one line after the other.

    Raises:
        LongLineError: A line has more than 16 MiB.
    """
    number = 0
    while line := opened.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise LongLineError(f"line {number} has more than {MAX_LINE_BYTES >> 20} MiB")
        yield line
