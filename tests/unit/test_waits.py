"""A test waits for an event; where it waits for a time, it says why."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
# Not ``"sleep(`` of a text.
WAITS = ("await asyncio.sleep(", " time.sleep(")


def unexplained(text: str) -> list[str]:
    """The lines that wait for a time, and have no comment behind it."""
    waits = [line.strip() for line in text.splitlines() if any(each in line for each in WAITS)]
    return [line for line in waits if "  # " not in line and not line.endswith('",')]


def test_each_wait_for_a_time_has_its_reason() -> None:
    files = [file for file in sorted(TESTS.rglob("*.py")) if file != Path(__file__)]
    found = {
        str(file.relative_to(TESTS)): lines for file in files if (lines := unexplained(file.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize("line", ["    await asyncio.sleep(3)", "    time.sleep(0.1)"])
def test_wait_without_a_reason_is_found(line: str) -> None:
    assert unexplained(f"{line}\n{line}  # the fault itself\n") == [line.strip()]
