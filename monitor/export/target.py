"""Where an export goes: to a file that appears only when it is whole, or to standard output."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

STANDARD_OUTPUT = Path("-")
BUFFER_BYTES = 1 << 20


class ExportError(Exception):
    """Raised when an export cannot be made or finished; says why, and what there is of it."""


class ExportTarget:
    """Where an export goes: a file, or ``-`` for standard output."""

    def __init__(self, path: Path) -> None:
        self.is_standard_output = path == STANDARD_OUTPUT
        self._path = path

    def __str__(self) -> str:
        """Name it in a sentence."""
        return "standard output" if self.is_standard_output else str(self._path)

    @property
    def is_terminal(self) -> bool:
        """Whether people see what is written there."""
        return self.is_standard_output and sys.stdout.isatty()

    @property
    def loss(self) -> str:
        """What there is of an export that failed, as a part of a sentence."""
        return "the output is not complete" if self.is_standard_output else f"{self} was not written"

    def check(self, *, force: bool) -> None:
        """Find out whether a file may be written there, before anything is asked for."""
        if self.is_standard_output:
            return
        with self._errors():
            if not self._path.parent.is_dir():
                raise ExportError(f"no such folder: {self._path.parent}; {self.loss}")
            if not self._path.exists():
                return
            if not self._path.is_file():
                raise ExportError(f"{self} is not a file; name a new file, or - for standard output")
            if not force:
                raise ExportError(f"{self} exists; use --force to overwrite it")

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it for writing. A file has its name only after all went well.

        Raises:
            ExportError: It cannot be written.
            BrokenPipeError: Whoever reads standard output has read enough.
        """
        with self._errors():
            if self.is_standard_output:
                with os.fdopen(sys.stdout.fileno(), "wb", BUFFER_BYTES, closefd=False) as out:
                    yield out
            else:
                with self._new_file() as out:
                    yield out

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ExportError(f"{self.loss}: {(error.strerror or str(error)).lower()}") from error

    @contextmanager
    def _new_file(self) -> Iterator[BinaryIO]:
        part = self._path.with_name(f"{self._path.name}.part")
        try:
            out = part.open("xb", BUFFER_BYTES)
        except FileExistsError:
            raise ExportError(
                f"{part} exists: another export is writing it, or one was killed; "
                "remove it if none is running"
            ) from None
        try:
            with out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            part.replace(self._path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
