"""What is no reading is read within bounds, of each sensor and of its whole site."""

import pytest

from broker.topics import SensorKey
from ingestor.delivery import Delivery, RejectKind
from ingestor.receive.rejected_bytes import SITE_BYTES_AT_ONCE, TOPIC_BYTES_AT_ONCE, RejectedBytes
from ingestor.receive.token_bucket import TokenBuckets
from tests import deliveries

LARGE = b"x" * (64 << 10)


def delivery(key: SensorKey, payload: bytes = LARGE) -> Delivery:
    return deliveries.delivery(payload, f"energy/readings/{key.site}/{key.name}")


def read_in_vain(rejected: RejectedBytes, key: SensorKey, most: int = 1000) -> int:
    """How many large payloads of a sensor are read that are no readings."""
    for number in range(most):
        one = delivery(key)
        if rejected.exhausted and rejected.reject(key, one) is not None:
            return number
        rejected.on_rejected(key, one)
    return most


def test_sensor_that_sends_what_is_no_reading_is_not_read_for_long() -> None:
    rejected, key = RejectedBytes(), SensorKey("a", "S-1")
    assert read_in_vain(rejected, key) == pytest.approx(TOPIC_BYTES_AT_ONCE / len(LARGE), abs=1)
    rejection = rejected.reject(key, delivery(key, b"{}"))
    assert rejection is not None
    assert rejection.kind is RejectKind.FLOOD
    assert "too much came that is no reading" in rejection.reason


def test_neighbour_is_read() -> None:
    rejected, neighbour = RejectedBytes(), SensorKey("a", "S-2")
    read_in_vain(rejected, SensorKey("a", "S-1"))
    assert rejected.reject(neighbour, delivery(neighbour)) is None


def test_site_with_many_sensors_has_a_bound_of_its_own() -> None:
    rejected = RejectedBytes()
    read = sum(read_in_vain(rejected, SensorKey("a", f"S-{number}")) for number in range(100))
    assert read == pytest.approx(SITE_BYTES_AT_ONCE / len(LARGE), abs=2)
    elsewhere = SensorKey("b", "S-1")
    assert rejected.reject(elsewhere, delivery(elsewhere)) is None


def test_sensor_is_read_again_after_a_while() -> None:
    now_s = 1000.0
    rejected, key = RejectedBytes(TokenBuckets(1, len(LARGE), clock=lambda: now_s)), SensorKey("a", "S-1")
    assert read_in_vain(rejected, key) == 2
    now_s += len(LARGE) - 1
    assert rejected.reject(key, delivery(key)) is not None
    now_s += 1
    assert rejected.reject(key, delivery(key)) is None
    assert not rejected.exhausted
