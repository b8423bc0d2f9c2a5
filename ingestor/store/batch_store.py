"""Store a batch, and give each of its rows the outcome that the database says."""

from collections.abc import Mapping

from ingestor.delivery import Batch, Delivery, Duplicate, Outcome, Rejection, RejectKind
from ingestor.documents import Measure
from ingestor.store.reading_store import ExistingMeasure, ReadingStore, RejectedByDatabase

Problems = Mapping[int, ExistingMeasure | RejectedByDatabase]


async def store_batch(store: ReadingStore, batch: Batch) -> None:
    """Store the measures of a batch; waits for the database for as long as it takes."""
    batch.stored = batch.measures
    problems = await store.insert(batch.measures)
    if problems:
        batch.stored = [each for number, each in enumerate(batch.measures) if number not in problems]
        _set_outcomes(batch, problems)


def _set_outcomes(batch: Batch, problems: Problems) -> None:
    number = 0
    for delivery in batch.deliveries:
        outcomes = list(delivery.outcomes)
        for row, outcome in enumerate(outcomes):
            if isinstance(outcome, Rejection | Duplicate):
                continue
            if (problem := problems.get(number)) is not None:
                outcomes[row] = _outcome(delivery, row, outcome, problem)
            number += 1
        delivery.outcomes = outcomes


def _outcome(
    delivery: Delivery, row: int, measure: Measure, problem: ExistingMeasure | RejectedByDatabase
) -> Outcome:
    decoded = delivery.rows[row]
    if isinstance(decoded, Rejection):
        return decoded
    reading, _ = decoded
    if isinstance(problem, RejectedByDatabase):
        reason = f"the database rejects it: it {problem.reason}"
        return delivery.reject_row(row, reading, RejectKind.DATABASE, reason)
    stored, value_kwh = problem.measure, measure["value_kwh"]
    if stored["value_kwh"] == value_kwh:
        return Duplicate.STORED_BEFORE
    reason = f"conflict: {stored['_id']} is stored with {stored['value_kwh']} kWh, not {value_kwh} kWh"
    return delivery.reject_row(row, reading, RejectKind.CONFLICT, reason)
