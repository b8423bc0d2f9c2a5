"""Keep logs within a bound: the newest 10 MB move to ``NAME.log.1``, and the log begins anew.

Our processes and both servers only append to their logs, so a log can be cut while it is written; what is
written in that moment is lost.
"""

import contextlib
import os
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024


def bound_logs(folder: Path, max_bytes: int = MAX_BYTES) -> None:
    """Cut each log in a folder that has grown above the bound, and keep what was in it once."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > max_bytes:
            # On a full disk there is no room for a copy, and all the more reason to cut.
            with contextlib.suppress(OSError):
                _copy_end(log, log.with_name(f"{log.name}.1"), max_bytes)
            os.truncate(log, 0)


def _copy_end(log: Path, to: Path, max_bytes: int) -> None:
    with log.open("rb") as written, to.open("wb") as kept:
        written.seek(-max_bytes, os.SEEK_END)
        # No more than that, however much is written meanwhile.
        kept.write(written.read(max_bytes))
