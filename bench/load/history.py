"""What an ingestor stored long ago, written straight into the database."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import Any

from bench.processes import BenchError
from bench.rig import BenchRig
from broker.topics import SensorKey
from ingestor.documents import Measure, format_timestamp, to_measure

LOAD_AT_ONCE = 10_000
LOADERS = 2
TELL_EVERY_S = 1.0
LOCATION = "LARI Research Lab"


def insert_history(
    rig: BenchRig, collection: str, documents: Iterator[Any], tell: Callable[[int], None]
) -> None:
    """Write documents, several batches at a time.

    Args:
        rig: Where.
        collection: Into which collection.
        documents: What.
        tell: Hears now and then how many it were.
    """

    def write(batch: list[Any]) -> None:
        answer = rig.database.command({"insert": collection, "documents": batch, "ordered": False})
        if errors := answer.get("writeErrors"):
            raise BenchError(f"the past cannot be stored in {collection}: {errors[0]['errmsg']}")

    done, told_s = 0, time.monotonic()
    with ThreadPoolExecutor(LOADERS) as pool:
        while batches := [batch for _ in range(LOADERS) if (batch := list(islice(documents, LOAD_AT_ONCE)))]:
            list(pool.map(write, batches))
            done += sum(map(len, batches))
            if time.monotonic() - told_s > TELL_EVERY_S:
                told_s = time.monotonic()
                tell(done)


def stored_measure(place: SensorKey, value_kwh: float, moment: datetime, received_at: datetime) -> Measure:
    """A reading as the ingestor stores it, which was no anomaly.

    Args:
        place: Its site and sensor.
        value_kwh: What was measured, kWh.
        moment: When, UTC, naive.
        received_at: When it came, UTC, naive.
    """
    return to_measure(
        {"sensor_id": place.name, "value_kwh": value_kwh, "timestamp": 0.0, "location": LOCATION},
        place,
        (moment, format_timestamp(moment)),
        None,
        received_at,
    )
