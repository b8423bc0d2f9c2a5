"""``python -m tests.fuzz.engine TARGET …``: the process that atheris turns into a libFuzzer.

It never comes back: libFuzzer ends the process. ``tests.fuzz.__main__`` starts it.
"""

import sys

import atheris

from tests.fuzz.targets import NAMES, PACKAGES, load


def main() -> None:
    """Import the target with its code instrumented, and fuzz it."""
    name, *flags = sys.argv[1:]
    assert name in NAMES
    with atheris.instrument_imports(include=list(PACKAGES)):
        target = load(name)
    # When it merges, libFuzzer starts itself again by this name.
    program = f"{sys.executable} -m tests.fuzz.engine {name}"
    atheris.Setup([program, *flags], target.check, internal_libfuzzer=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
