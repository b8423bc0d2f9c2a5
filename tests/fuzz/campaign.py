"""Fuzz one target for a while: begin with what is known, count, and keep what was found."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import load

ROOT = Path(__file__).parent.parent.parent
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
MEMORY = Path("/dev/shm")  # noqa: S108 - with a folder of its own in it
WORK = ROOT / "var" / "fuzz"
MAX_BYTES = 4096
# Small files only, so that all of them are read in a moment.
KEPT_BYTES = 600
MOST_KEPT = 45
LIMITS = ("-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        target: Which one.
        runs: How many inputs it was given.
        seconds: How long that took.
        corpus: How many of them are worth keeping.
        edges: How many ways through our code they took.
        finding: The input that the product does not stand, if there is one.
        said: What was said of it.
    """

    target: str
    runs: int
    seconds: float
    corpus: int
    edges: int
    finding: Path | None = None
    said: str = ""

    def __str__(self) -> str:
        pace = self.runs / self.seconds
        line = f"{self.target:<9} {self.runs:>10,} runs  {pace:>7,.0f} a second"
        line += f"  {self.edges:>5,} edges  {self.corpus:>5,} in the corpus"
        if self.finding is None:
            return line
        again = f"again: scripts/fuzz {self.target} --input {self.finding}"
        return f"{line}\n{self.said}\n{self.finding.read_bytes()[:300]!r}\n{again}"


def fuzz(name: str, seconds: int, corpus: Path | None = None) -> Outcome:
    """Fuzz one target.

    Args:
        name: Which one.
        seconds: How long.
        corpus: Inputs to begin with, besides those that are known; new ones are added.
    """
    corpus, found = corpus or WORK / name / "corpus", WORK / name / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    began = time.monotonic()
    with _known(name) as known:
        flags = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-artifact_prefix={found}/", *LIMITS]
        said = _run(name, *flags, f"-dict={known / 'tokens'}", str(corpus), *map(str, _folders(name, known)))
    runs = re.search(r"number_of_executed_units:\s*(\d+)", said)
    new = sorted(set(found.iterdir()) - before)
    return Outcome(
        name,
        int(runs[1]) if runs else 0,
        time.monotonic() - began,
        len(list(corpus.iterdir())),
        max(map(int, re.findall(r"cov: (\d+)", said)), default=0),
        new[0] if new else None,
        _what_went_wrong(said) if new or not runs else "",
    )


def keep(name: str) -> int:
    """Choose from all inputs that reach new code the smallest, and put them into the repository.

    Returns:
        How many there are now.
    """
    kept = CORPUS / name
    with _known(name) as known:
        chosen = known / "chosen"
        chosen.mkdir()
        small = known / "small"
        small.mkdir()
        for file in [*(WORK / name / "corpus").iterdir(), *(kept.iterdir() if kept.exists() else ())]:
            if file.stat().st_size <= KEPT_BYTES:
                shutil.copy(file, small)
        _run(name, "-merge=1", "-rss_limit_mb=2048", str(chosen), str(small))
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        for file in sorted(chosen.iterdir(), key=lambda each: each.stat().st_size)[:MOST_KEPT]:
            shutil.copy(file, kept / file.name[:12])
    return len(list(kept.iterdir()))


@contextmanager
def _known(name: str) -> Iterator[Path]:
    """A folder with the hostile seeds of a target, and its words as libFuzzer reads them."""
    target = load(name)
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder)
        (known / "seeds").mkdir()
        for number, seed in enumerate(target.SEEDS):
            (known / "seeds" / str(number)).write_bytes(seed)
        words = ("".join(f"\\x{byte:02x}" for byte in token) for token in target.TOKENS)
        (known / "tokens").write_text("".join(f'"{word}"\n' for word in words))
        yield known


def _folders(name: str, known: Path) -> list[Path]:
    return [each for each in (CORPUS / name, known / "seeds") if each.exists()]


def _run(name: str, *arguments: str) -> str:
    """What the fuzzer says."""
    # The files of targets are on no disk, where there is such a place; who ends by force leaves them behind.
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as folder:
        done = subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-m", "tests.fuzz.engine", name, *arguments],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": folder},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    return done.stdout + done.stderr


def _what_went_wrong(said: str) -> str:
    starts = (said.find(sign) for sign in ("=== Uncaught Python exception", "ERROR: libFuzzer"))
    start = next((each for each in starts if each >= 0), len(said) - 1500)
    return said[max(0, start) :].split("\n\n", maxsplit=1)[0][:3000].strip()
