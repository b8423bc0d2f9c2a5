"""Documents that are what they should be, and others."""

from typing import Any

import pytest
from bson import Decimal128, ObjectId

from ingestor.documents import AlarmDocument, RejectedDocument, utc_now
from monitor.queries.document_checks import DocumentCheck

AT = utc_now()
REJECTED: dict[str, Any] = {
    "_id": ObjectId(),
    "topic": "energy/readings/lari/S-1",
    "payload": b"{",
    "kind": "json",
    "reason": "it is not JSON",
    "received_at": AT,
}
TIMES = ("since", "raised_at", "cleared_at", "acknowledged_at", "retracted_at", "changed_at", "notified_at")
ALARM: dict[str, Any] = {
    **dict.fromkeys(TIMES, AT),
    "_id": "S-1@x",
    "sensor_id": "S-1",
    "site": "lari",
    "rule": "high",
    "severity": "major",
    "message": "much",
    "limit_kwh": 12,
    "peak_kwh": None,
    "waits": True,
    "acknowledged_by": None,
    "in_storm": False,
}


@pytest.mark.parametrize(
    "spoiled",
    [
        {"payload": "text"},
        {"reason": 7},
        {"row": 2.5},
        {"topic": None},
        {"received_at": "today"},
        {"kind": [1]},
    ],
)
def test_rejected_payload_that_is_something_else_is_left_out(spoiled: dict[str, Any]) -> None:
    shape = DocumentCheck(RejectedDocument, "rejected payloads")
    good = [REJECTED, {**REJECTED, "row": 2, "more": 1}]
    assert shape.valid([good[0], {**REJECTED, **spoiled}, good[1]]) == good


@pytest.mark.parametrize("field", ["rule", "since", "message", "waits", "peak_kwh"])
def test_alarm_without_a_field_or_with_another_in_its_place_is_left_out(
    field: str, caplog: pytest.LogCaptureFixture
) -> None:
    shape = DocumentCheck(AlarmDocument, "alarms")
    without = {name: value for name, value in ALARM.items() if name != field}
    for _ in range(2):
        assert shape.valid([ALARM, without, {**ALARM, field: Decimal128("1.5")}]) == [ALARM]
    assert caplog.messages == ["Some alarms cannot be read; they are left out"]
