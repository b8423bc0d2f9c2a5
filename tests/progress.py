"""What a person sees of a test run: how far it is, how long it still takes, what failed, what did not run."""

import sys
import time
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.selection import LEFT_OUT_KEY, room

# How long a test of each room takes, seconds on one worker: what the time that is left is reckoned with.
TYPICAL_S = {"chaos": 12.0, "integration": 2.5, "security": 1.1, "browser": 6.5, "compose": 4.0, "fuzz": 1.1}
OTHERS_S = 0.15
EVERY_S = 15.0
EVERY_ON_TERMINAL_S = 0.5
WHY_LEFT_OUT = {
    "compose": "Docker Compose",
    "mutant": "broken builds that chaos tests must find",
    "long": "many repetitions",
}


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(config), "energy-progress")


def typical_s(nodeid: str) -> float:
    """How long a test takes, roughly, seconds."""
    return TYPICAL_S.get(room(nodeid), OTHERS_S)


class Progress:
    """Says every few seconds how far the tests are, and at once which one failed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._total_s = 0.0
        self._count = 0
        self._ended: set[str] = set()
        self._ended_s = 0.0
        self._failed = 0
        self._began = self._told = time.monotonic()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.items:
            self._expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        if not self._count:
            self._expect(ids)

    def _expect(self, nodeids: Sequence[str]) -> None:
        self._count = len(nodeids)
        self._total_s = sum(map(typical_s, nodeids))
        self._began = self._told = time.monotonic()

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No letter for each test."""
        if report.skipped:
            return None if hasattr(report, "wasxfail") else ("skipped", "", "SKIPPED")
        if report.failed:
            return ("failed", "", "FAILED") if report.when == "call" else ("error", "", "ERROR")
        return ("passed" if report.when == "call" else "", "", "")

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed += 1
            self._say(f"FAILED {report.nodeid} ({report.when})")
        if report.when == "teardown" and report.nodeid not in self._ended:
            self._ended.add(report.nodeid)
            self._ended_s += typical_s(report.nodeid)
            self._tell()

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told < (EVERY_ON_TERMINAL_S if sys.stdout.isatty() else EVERY_S):
            return
        self._told = now
        left_s = (now - self._began) * (self._total_s / self._ended_s - 1)
        self._say(
            f"{self._ended_s / self._total_s:4.0%}  {len(self._ended):,} of {self._count:,} tests, "
            f"{self._failed} failed, about {to_words(left_s)} left",
            is_passing=True,
        )

    def _say(self, line: str, *, is_passing: bool = False) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return
        if sys.stdout.isatty():
            reporter.rewrite(line, erase=True)
            if not is_passing:
                reporter.line("")
        else:
            reporter.ensure_newline()
            reporter.line(line)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say in one line what did not run here, and why."""
        reasons = [f"{count} {WHY_LEFT_OUT[mark]}" for mark, count in self._left_out().items()]
        said = [f"{', '.join(reasons)} (scripts/test --long)"] if reasons else []
        skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
        why = Counter(str(each[2]).removeprefix("Skipped: ") for each in skipped if isinstance(each, tuple))
        said += [f"{count} {reason}" for reason, count in sorted(why.items())]
        terminalreporter.line(f"Not run: {'; '.join(said) or 'nothing'}")

    def _left_out(self) -> Counter[str]:
        return self._config.stash.get(LEFT_OUT_KEY, Counter())


def to_words(seconds: float) -> str:
    """A time as people say it."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
