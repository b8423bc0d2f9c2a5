"""The JSON of a reading, and the ways in which faults corrupt it."""

import re
from collections.abc import Callable, Mapping

from broker.messages import MAX_PAYLOAD_BYTES, Reading

_VALUE = re.compile(rb'"value_kwh":[^,}]+')
_OFFSET = re.compile(rb'("timestamp":"[^"]+)Z"')


def encode(reading: Reading, register_kwh: float | None) -> bytes:
    """Encode a reading without checks: it may be wrong on purpose."""
    payload = reading.model_dump_json().encode()
    return payload if register_kwh is None else b'%b,"register_kwh":%a}' % (payload[:-1], register_kwh)


def _without_number(payload: bytes) -> bytes:
    return _VALUE.sub(b'"value_kwh":NaN', payload, count=1)


def _without_offset(payload: bytes) -> bytes:
    return _OFFSET.sub(rb'\1"', payload, count=1)


def _truncated(payload: bytes) -> bytes:
    return payload[: len(payload) * 3 // 5]


def _oversized(payload: bytes) -> bytes:
    # An unknown field alone is not a fault.
    return payload[:-1] + b',"padding":"' + b"x" * MAX_PAYLOAD_BYTES + b'"}'


CORRUPTIONS: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "nan": (_without_number, "invalid"),
    "naive-time": (_without_offset, "invalid"),
    "truncated": (_truncated, "not_json"),
    "oversized": (_oversized, "too_large"),
}
"""By fault: how a payload is spoiled, and why it must be rejected, in the ingestor's word."""
