"""The limit: a process that only acknowledges. It knows where packets end and nothing else.

    BENCH_URL=mqtt://… python -m bench.limit COUNT [TIMES]

Says ``ready`` once it is subscribed, and reports when the first and the last message came.
"""

import json
import os
import resource
import sys
import time
from array import array
from pathlib import Path

from bench.wire import Wire

CLIENT = "bench-consumer"
SESSION_S = 3600


def main() -> None:
    """Acknowledge so many messages."""
    count = int(sys.argv[1])
    wire = Wire(os.environ["BENCH_URL"], CLIENT, session_s=SESSION_S)
    wire.subscribe("energy/readings/+/+")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    times, before_s = array("d"), time.process_time()
    while len(times) < count:
        messages = wire.publishes()
        if not messages:
            continue
        times.extend([time.monotonic()] * len(messages))
        wire.acknowledge(packet_id for packet_id, _ in messages)
    if len(sys.argv) > 2:  # noqa: PLR2004 - the file is optional
        with Path(sys.argv[2]).open("wb") as file:
            times.tofile(file)
    report = {
        "first_s": times[0],
        "last_s": times[-1],
        "cpu_s": time.process_time() - before_s,
        "resident_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
