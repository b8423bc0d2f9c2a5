"""What ``scripts/fuzz`` runs once everything is installed."""

import sys
from pathlib import Path

from broker.program.settings import exit_with, read_settings
from tests.fuzz.campaign import fuzz, keep
from tests.fuzz.settings import FuzzSettings
from tests.fuzz.targets import NAMES, load

PROGRAM = "scripts/fuzz"


def main() -> None:
    """Fuzz, or run one input again; ends with status 1 if something was found."""
    settings = read_settings(FuzzSettings, sys.argv[1:], PROGRAM)
    if settings.target == "all" and (settings.input or settings.corpus):
        exit_with(PROGRAM, "--input and --corpus are for one target; name it")
    if settings.input is not None:
        run_again(settings.target, settings.input)
        return
    outcomes = []
    for name in NAMES if settings.target == "all" else (settings.target,):
        outcome = fuzz(name, settings.seconds, settings.corpus)
        outcomes.append(outcome)
        say(str(outcome))
        if settings.keep and outcome.finding is None:
            say(f"{'':9} {keep(name)} files in tests/fuzz/corpus/{name}")
    if any(each.finding or not each.runs for each in outcomes):
        raise SystemExit(1)


def run_again(name: str, file: Path) -> None:
    """Hand one input to a target; it raises what it finds."""
    try:
        data = file.read_bytes()
    except OSError as error:
        exit_with(PROGRAM, f"--input: {file} cannot be read ({error.strerror})")
    load(name).check(data)
    say(f"{name} stands it.")


def say(text: str) -> None:
    """Tell what happens, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
