"""What Docker runs as the ingestor: each container takes a part of the sites that no other one has.

    python3 -m stack.ingestor_part --parts "lari annex,hall" --folder /var/lib/ingestor

The first container gets ``lari``, the second ``annex,hall``. A container for which no part is left stands by,
and takes over within a second when another one ends. A part is a lock on a file; the kernel releases it with
the process that holds it.
"""

import fcntl
import os
import sys
import time
from pathlib import Path

from pydantic import Field, field_validator

from broker.program.process import print_line
from broker.program.settings import ProcessSettings, check_sites, exit_with, read_settings

PROGRAM = "ingestor"
RETRY_S = 0.5
# For the health check of a container that stands by.
STANDS_BY = Path("/tmp/stands-by")  # noqa: S108 - a container's own


class PartSettings(ProcessSettings):
    """Run an ingestor for a part of the sites that no other ingestor has.

    Example: python3 -m stack.ingestor_part --parts "lari annex,hall"
    """

    parts: str = Field("+", description="the sites of each ingestor, with spaces between them")
    folder: Path = Field(Path("/var/lib/ingestor"), description="folder that all ingestors share")

    @field_validator("parts")
    @classmethod
    def _check(cls, parts: str) -> str:
        sites = [site for part in parts.split() for site in check_sites(part).split(",")]
        if not sites or len(set(sites)) < len(sites) or ("+" in sites and len(sites) > 1):
            raise ValueError("each site belongs to one part, and + stands alone: lari annex,hall")
        return parts


def main() -> None:
    """Wait for a part and become its ingestor."""
    settings = read_settings(PartSettings, sys.argv[1:], PROGRAM)
    parts = settings.parts.split()
    number = _wait_for_part(settings.folder, len(parts))
    STANDS_BY.unlink(missing_ok=True)
    name = PROGRAM if number == 0 else f"{PROGRAM}-{number + 1}"
    # The lock's file stays open in the program that this process becomes.
    os.execvp(PROGRAM, [PROGRAM, "--name", name, "--site", parts[number]])  # noqa: S606 - on PATH of the image


def _wait_for_part(folder: Path, count: int) -> int:
    """Lock a part, the first that is free, and give its number."""
    is_reported = False
    while True:
        for number in range(count):
            if _lock(folder / f"part-{number + 1}.lock"):
                return number
        if not is_reported:
            print_line("All parts have an ingestor; this one stands by.")
            STANDS_BY.touch()
            is_reported = True
        time.sleep(RETRY_S)


def _lock(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        exit_with(PROGRAM, f"{file} cannot be used ({error.strerror})", 1)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    os.set_inheritable(descriptor, True)
    return True


if __name__ == "__main__":
    main()
