"""The limit: a process that only acknowledges. It knows where packets end and nothing else.

    BENCH_URL=mqtt://… python -m bench.load.limit COUNT [--topic FILTER] [--client ID] [--times FILE]
        [--gather]

Says ``ready`` once it is subscribed, and reports when the first and the last message came. With
``--gather`` it lets some messages come together before it reads them, which costs the broker less
than to be answered one by one.
"""

import argparse
import json
import os
import resource
import sys
import time
from array import array
from pathlib import Path

from bench.load.mqtt_socket import MqttSocket

SESSION_S = 3600
FEW = 200
GATHER_S = 0.001


def main() -> None:
    """Acknowledge so many messages."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--topic", default="energy/readings/+/+")
    parser.add_argument("--client", default="bench-consumer")
    parser.add_argument("--times", type=Path)
    parser.add_argument("--gather", action="store_true")
    options = parser.parse_args()
    wire = MqttSocket(os.environ["BENCH_URL"], options.client, session_s=SESSION_S)
    wire.subscribe(options.topic)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    times, before_s = array("d"), time.process_time()
    while len(times) < options.count:
        packet_ids = wire.publishes()
        times.extend([time.monotonic()] * len(packet_ids))
        if packet_ids:
            wire.acknowledge(packet_ids)
        if options.gather and len(packet_ids) < FEW:
            time.sleep(GATHER_S)
    if options.times:
        with options.times.open("wb") as file:
            times.tofile(file)
    report = {
        "first_s": times[0],
        "last_s": times[-1],
        "cpu_s": time.process_time() - before_s,
        "resident_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    wire.close()
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
