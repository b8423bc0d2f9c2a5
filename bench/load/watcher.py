"""A process that sees when readings are in the database, in the order in which they came.

    BENCH_MONGO_URL=mongodb://… python -m bench.load.watcher COUNT TIMES

It looks about a thousand times a second how many there are, and writes for each reading when it was
there, monotonic seconds.
"""

import json
import os
import sys
import time
from array import array
from pathlib import Path
from typing import Any

from pymongo import MongoClient

POLL_EVERY_S = 0.001


def main() -> None:
    """Watch until so many are stored."""
    count, path = int(sys.argv[1]), Path(sys.argv[2])
    client: MongoClient[dict[str, Any]] = MongoClient(os.environ["BENCH_MONGO_URL"])
    measures = client.get_default_database()["measures"]
    times = array("d")
    measures.estimated_document_count()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while len(times) < count:
        stored, now_s = measures.estimated_document_count(), time.monotonic()
        times.extend([now_s] * (stored - len(times)))
        time.sleep(POLL_EVERY_S)
    with path.open("wb") as file:
        times.tofile(file)
    sys.stdout.write(json.dumps({"last_s": times[-1]}) + "\n")


if __name__ == "__main__":
    main()
