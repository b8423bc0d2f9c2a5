"""A private folder for the Unix sockets of our own servers."""

import atexit
import shutil
import tempfile
from pathlib import Path

# A path of a Unix socket has at most 107 bytes; the folder's own name and the socket's take up to 40.
LONGEST_PARENT = 60
SHORT_PARENT = "/tmp"  # noqa: S108 - the folder itself is private


def private_socket_folder() -> Path:
    """A new folder that only this user can enter, removed when this process ends.

    It lies in the folder for temporary files and not beside the data, whose path may be too long for sockets.

    Raises:
        OSError: It cannot be made.
    """
    parent = tempfile.gettempdir()
    if len(parent.encode()) > LONGEST_PARENT:
        parent = SHORT_PARENT
    folder = Path(tempfile.mkdtemp(prefix="energy-", dir=parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
