"""A file that nobody else may read, replaced as a whole."""

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file so that readers see the old one or the new one, never a part.

    It is readable by its owner only, and belongs to whom its folder belongs: what root writes for a
    server that runs as somebody else must be that server's.

    Args:
        path: The file. Its folder must exist.
        text: What it is to hold.

    Raises:
        OSError: It cannot be written.
    """
    # The name begins with a dot and the mode is 0600 from the beginning.
    number, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(number, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
            if os.geteuid() == 0:
                folder = path.parent.stat()
                os.fchown(stream.fileno(), folder.st_uid, folder.st_gid)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may look into; it belongs to whom the one around it belongs."""
    if not path.exists():
        path.mkdir(mode=0o700, parents=True)
        if os.geteuid() == 0:
            around = path.parent.stat()
            os.chown(path, around.st_uid, around.st_gid)
    return path
