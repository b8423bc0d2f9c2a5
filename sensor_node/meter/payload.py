"""The JSON of a reading, and the ways in which faults corrupt it."""

import re
from collections.abc import Callable, Mapping
from functools import partial

from broker.messages import MAX_PAYLOAD_BYTES, Reading


def encode(reading: Reading, register_kwh: float | None) -> bytes:
    """Encode a reading without checks: it may be wrong on purpose."""
    payload = reading.model_dump_json().encode()
    return payload if register_kwh is None else b'%b,"register_kwh":%a}' % (payload[:-1], register_kwh)


CORRUPTIONS: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "nan": (partial(re.compile(rb'"value_kwh":[^,}]+').sub, b'"value_kwh":NaN'), "invalid"),
    "naive-time": (partial(re.compile(rb'("timestamp":"[^"]+)Z"').sub, rb'\1"'), "invalid"),
    "truncated": (lambda payload: payload[: len(payload) * 3 // 5], "not_json"),
    # An unknown field alone is not a fault.
    "oversized": (
        lambda payload: b'%b,"padding":"%b"}' % (payload[:-1], b"x" * MAX_PAYLOAD_BYTES),
        "too_large",
    ),
}
"""By fault: how a payload is spoiled, and why it must be rejected, in the ingestor's word."""
