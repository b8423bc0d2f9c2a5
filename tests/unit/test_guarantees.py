"""docs/guarantees.md holds what was measured: every fault, and not one reading lost."""

from tests.chaos.faults import EXCEPTIONS, FAULTS
from tests.chaos.mutants import INGESTOR, SENSOR_NODE
from tests.chaos.table import DOCUMENT, NO_PROMISE, PROMISES


def number(cell: str) -> int:
    return int(cell.replace(",", ""))


def test_every_fault_was_measured_and_every_promise_kept() -> None:
    rows = list(PROMISES.read().values())
    assert [row["fault"] for row in rows] == [fault.name for fault in FAULTS]
    for row in rows:
        assert (row["lost"], row["doubled"], row["alerts missing"]) == ("0", "0", "0"), row
        assert number(row["readings"]) > 0
        assert row["recovery, s"][0].isdigit(), row
    assert sum(number(row["kills"]) for row in rows) >= 200


def test_what_cannot_be_promised_was_measured_too() -> None:
    rows = list(NO_PROMISE.read().values())
    assert [row["fault"] for row in rows] == [fault.name for fault in EXCEPTIONS]
    assert all(number(row["lost"]) > 0 and row["doubled"] == "0" for row in rows)


def test_every_fault_that_is_put_in_is_listed() -> None:
    section = DOCUMENT.read_text().split("| fault put in |", 1)[1]
    builds = {*INGESTOR, *SENSOR_NODE} - {"at-most-once"}  # that one is measured above
    assert len([line for line in section.splitlines() if line.startswith("| ")]) - 1 == len(builds)
