"""Files that only their owner can read, replaced as a whole."""

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that only its owner can read, so that readers see the old one or the new one.

    It gets the owner of its folder: what root writes for a server that runs as another user must be that
    server's. The folder must exist.
    """
    number, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(number, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)  # mkstemp makes it with 0600
            os.fsync(stream.fileno())
            inherit_owner(stream.fileno(), path.parent)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can read; it gets the owner of the folder around it."""
    if not path.exists():
        path.mkdir(mode=0o700, parents=True)
        inherit_owner(path, path.parent)
    return path


def inherit_owner(target: Path | int, folder: Path) -> None:
    """Give what root made, a path or an open file, to the owner of the folder that it is in."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(target, owner.st_uid, owner.st_gid)
