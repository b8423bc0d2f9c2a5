"""Notice that a file was written to, replaced or removed."""

import asyncio
from pathlib import Path

LOOK_EVERY_S = 1.0


class FileChanges:
    """The changes of a file from now on.

    Args:
        file: It need not be there.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _version(file)

    async def wait(self) -> None:
        """Wait until the file is not what it was at the last time."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            version = await asyncio.to_thread(_version, self._file)
            if version != self._known:
                self._known = version
                return


def _version(file: Path) -> tuple[int, ...]:
    try:
        state = file.stat()
    except OSError:
        return ()
    return state.st_mtime_ns, state.st_size, state.st_ino
