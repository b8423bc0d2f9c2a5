"""Warnings that others can provoke are written some at a time."""

import logging

from broker.program.log_limit import MAX_KINDS, LogLimit


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def written(limit: LogLimit, count: int, text: str = "no %s", level: int = logging.WARNING) -> list[str]:
    """What is written of so many records of one kind."""
    records = [logging.LogRecord("x", level, "", 0, text, (number,), None) for number in range(count)]
    return [each.getMessage() for each in records if limit.filter(each)]


def test_warnings_of_one_kind_are_written_some_at_a_time_and_the_rest_counted() -> None:
    limit = LogLimit(clock := Clock())
    assert written(limit, 1000) == [f"no {number}" for number in range(20)]
    # Of another kind are others.
    assert written(limit, 1, "never %s") == ["never 0"]
    clock.now_s = 9.0
    assert written(limit, 5) == []
    clock.now_s = 10.0
    assert written(limit, 5) == ["no 0 (985 more of these were left out)"]
    clock.now_s = 1e6
    assert len(written(limit, 1000)) == 20


def test_what_a_process_reports_by_itself_is_always_written() -> None:
    assert len(written(LogLimit(Clock()), 1000, level=logging.INFO)) == 1000


def test_texts_that_are_different_each_time_are_one_kind_in_the_end() -> None:
    limit = LogLimit(Clock())
    texts = [f"{number} %s" for number in range(3 * MAX_KINDS)]
    assert sum(len(written(limit, 1, text)) for text in texts) == MAX_KINDS + 20
