"""The compose files that ``docker compose`` takes by itself: the line ``COMPOSE_FILE`` of ``.env``.

A stack that was started with TLS must not fall back to plain text because a later command, such as
``docker compose run``, does not name the files.
"""

from pathlib import Path

from dotenv import dotenv_values

from broker.program.atomic_write import write_private

VARIABLE = "COMPOSE_FILE"
SEPARATOR = "COMPOSE_PATH_SEPARATOR"
BASE = "docker-compose.yml"
OVERRIDE = "docker-compose.override.yml"
TLS = "docker-compose.tls.yml"


def remember_tls(env: Path, *, tls: bool) -> None:
    """Name the file for TLS in ``.env``, or take it out again; other files that are named there stay.

    Raises:
        OSError: The file cannot be read or written.
    """
    values = dotenv_values(env)
    given, separator = values.get(VARIABLE) or "", values.get(SEPARATOR) or ":"
    before = given.split(separator) if given else _default(env.parent)
    if tls == (TLS in before):
        return
    after = [*before, TLS] if tls else [file for file in before if file != TLS]
    lines = env.read_text().splitlines()
    kept = [line for line in lines if line.partition("=")[0] not in (VARIABLE, SEPARATOR)]
    if after != _default(env.parent):
        # Windows has another separator.
        kept += [f"{SEPARATOR}={separator}", f"{VARIABLE}={separator.join(after)}"]
    write_private(env, "\n".join(kept) + "\n")


def _default(project: Path) -> list[str]:
    """What Compose takes by itself."""
    return [BASE, OVERRIDE] if (project / OVERRIDE).exists() else [BASE]
