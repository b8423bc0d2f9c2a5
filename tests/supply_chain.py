"""``python -m tests.supply_chain``: what is inside the product, and whether a hole in it is known.

The list (a CycloneDX document with the hashes of every package of ``requirements.lock``) is written to
``var/sbom.json``. pip-audit asks PyPI for known holes. It calls a package that it could not ask about
"skipped" and ends well even if that is all of them; here that is said, and such packages are held
against the public database safety-db instead, which is from 2021: better than nothing, and called so.
"""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
OLD_DATABASE = "safety-db"
# How pip-audit ends when it has found something; or nothing at all, and then it has written nothing.
FOUND = 1


class AuditError(Exception):
    """Raised when the packages could not be looked at; says why."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What is known of the packages of a lock.

    Attributes:
        asked: Packages about which PyPI was asked.
        offline: Packages about which it could not be, held against the old database.
        holes: A sentence for each hole that is known.
    """

    asked: list[str]
    offline: list[str]
    holes: list[str]

    def __str__(self) -> str:
        lines = [*self.holes]
        if self.offline:
            version = importlib.metadata.version(OLD_DATABASE)
            lines.append(
                f"PyPI could not be asked about {len(self.offline)} of "
                f"{len(self.offline) + len(self.asked)} packages;\n"
                f"they were held against {OLD_DATABASE} of {version} only, which knows nothing newer."
            )
        lines.append(f"{len(self.holes) or 'no'} known hole{'' if len(self.holes) == 1 else 's'}")
        return "\n".join(lines)


def write_inventory(lock: Path, into: Path) -> int:
    """List the packages of a lock with their versions and hashes.

    Args:
        lock: The lock file.
        into: The CycloneDX document to write.

    Returns:
        How many packages it lists.

    Raises:
        AuditError: It could not be done.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    command = ["cyclonedx_py", "requirements", str(lock), "--pyproject", str(ROOT / "pyproject.toml")]
    _run([*command, "--output-reproducible", "--output-format", "JSON", "--output-file", str(into)], {0})
    return len(json.loads(into.read_bytes())["components"])


def audit(lock: Path) -> Audit:
    """Look for known holes in the packages of a lock.

    Raises:
        AuditError: It could not be done.
    """
    command = ["pip_audit", "--requirement", str(lock), "--no-deps", "--disable-pip", "--format", "json"]
    said = _run(command, {0, FOUND})
    try:
        packages = json.loads(said)["dependencies"]
    except (ValueError, KeyError) as error:
        raise AuditError(f"pip-audit said nothing that can be read: {said[:200]!r}") from error
    asked = [each for each in packages if "skip_reason" not in each]
    offline = [each["name"] for each in packages if "skip_reason" in each]
    holes = [
        f"{each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or '-'}"
        for each in asked
        for hole in each["vulns"]
    ]
    pinned = {name: version for name, version in read_lock(lock).items() if name in offline}
    return Audit([each["name"] for each in asked], offline, holes + known_of_old(pinned))


def known_of_old(pinned: Mapping[str, str]) -> list[str]:
    """Hold packages against the database that can be installed.

    Args:
        pinned: The version of each package, by its name.
    """
    # It is not imported: what it does then works in its own folder only.
    spec = importlib.util.find_spec(OLD_DATABASE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise AuditError(f"{OLD_DATABASE} is not installed; run scripts/setup --tests")
    file = Path(spec.submodule_search_locations[0]) / "insecure_full.json"
    database = json.loads(file.read_bytes())
    return [
        f"{name} {version}: {hole['cve'] or hole['id']}, in {', '.join(hole['specs'])}"
        for name, version in pinned.items()
        for hole in database.get(name, [])
        if _is_in(version, hole["specs"])
    ]


def read_lock(lock: Path) -> dict[str, str]:
    """The version of each package that a lock names."""
    pins = {}
    for line in lock.read_text().splitlines():
        if line[:1].isalnum():
            requirement = Requirement(line.rstrip("\\ "))
            pins[requirement.name] = str(requirement.specifier).removeprefix("==")
    return pins


def _is_in(version: str, specs: Iterable[str]) -> bool:
    for spec in specs:
        try:
            if SpecifierSet(spec).contains(version, prereleases=True):
                return True
        except InvalidSpecifier:
            continue
    return False


def _run(module: list[str], good: set[int]) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", *module], capture_output=True, text=True, check=False
    )
    if done.returncode not in good:
        last = done.stderr.strip().splitlines()[-1:]
        raise AuditError(f"{module[0]} failed: {' '.join(last) or f'status {done.returncode}'}")
    return done.stdout


def main() -> int:
    """Write the list and look for holes.

    Returns:
        1 if a hole is known or nothing could be looked at, else 0.
    """
    into = ROOT / "var" / "sbom.json"
    try:
        sys.stdout.write(f"{into.relative_to(ROOT)} lists {write_inventory(LOCK, into)} packages\n")
        result = audit(LOCK)
    except AuditError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{result}\n")
    return 1 if result.holes else 0


if __name__ == "__main__":
    sys.exit(main())
