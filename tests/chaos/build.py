"""Run a program of ours as a test build: with a crash point armed, a fault in, or a wrong clock.

python -m tests.chaos.build ingestor --crash after-write:3 -- --name lari
python -m tests.chaos.build sensor_node --mutant no-outbox --clock 600 -- --count 10
"""

import argparse
import importlib
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from tests.chaos import crash_points, mutants

POINTS = {"ingestor": crash_points.INGESTOR | crash_points.ALARMS, "sensor_node": crash_points.SENSOR_NODE}
MUTANTS = {"ingestor": mutants.INGESTOR, "sensor_node": mutants.SENSOR_NODE | mutants.CONDITIONS}


def set_clock(ahead_s: float) -> None:
    """Set the clock of a node's meters wrong. What must come of readings goes by the right one.

    Args:
        ahead_s: By how much it is ahead, seconds.
    """

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=ahead_s)

    from tests.fault_points import simulator  # noqa: PLC0415 - it takes long to import

    simulator.CLOCK_OF_METERS.replace(Wrong).start()
    ahead, first_sequence = timedelta(seconds=ahead_s), simulator.FIRST_SEQUENCE.original
    simulator.FIRST_SEQUENCE.replace(lambda now: first_sequence(now + ahead)).start()


def main() -> None:
    """Make the build and run it with the arguments behind ``--``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=POINTS)
    parser.add_argument("--crash", metavar="POINT:WHEN")
    parser.add_argument("--victim", type=Path, metavar="FILE", help="the pid of who dies in its place")
    parser.add_argument("--mutant")
    parser.add_argument("--clock", type=float)
    border = sys.argv.index("--")
    build = parser.parse_args(sys.argv[1:border])
    if build.mutant:
        MUTANTS[build.program][build.mutant]()
    if build.victim:
        crash_points.aim_at(build.victim)
    if build.crash:
        point, when = build.crash.split(":", 1)
        crash_points.install(POINTS[build.program][point], when)
    if build.clock:
        set_clock(build.clock)
    sys.argv = [build.program, *sys.argv[border + 1 :]]
    importlib.import_module(f"{build.program}.__main__").main()


if __name__ == "__main__":
    main()
