"""A private folder for the Unix sockets of our own servers."""

import atexit
import shutil
import tempfile
from pathlib import Path


def private_socket_folder() -> Path:
    """A new folder that only this user can enter, removed when this process ends.

    It lies in the folder for temporary files and not beside the data: a path of a Unix socket has at most
    107 bytes, and where the data lies is for people to choose.

    Raises:
        OSError: It cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix="energy-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
