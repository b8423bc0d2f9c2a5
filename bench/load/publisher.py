"""A process that publishes: makes its packets first, then waits for a line on its input, then sends.

    BENCH_URL=mqtt://… python -m bench.load.publisher PLAN [TIMES]

PLAN is JSON. With a file TIMES, the monotonic time of each message's sending is written there.
"""

import json
import os
import sys
import time
from array import array
from pathlib import Path

from bench.load.load_plan import LoadPlan
from bench.load.mqtt_socket import MqttSocket

CHUNK = 100
# To be woken for each PUBACK would cost more than to send the message.
GATHER_S = 0.001


def send(wire: MqttSocket, packets: list[bytes], rate: float) -> "array[float]":
    """Send at a rate, or as fast as the broker acknowledges, never more than its window ahead.

    Args:
        wire: Where to.
        packets: What.
        rate: Messages per second; 0 for as fast as possible.

    Returns:
        When each message was sent, monotonic seconds.
    """
    sent = acknowledged = 0
    times = array("d")
    window, count = wire.window, len(packets)
    began_s = time.monotonic()
    while acknowledged < count:
        now_s = time.monotonic()
        due = min(count, int((now_s - began_s) * rate) + 1) if rate else count
        due = min(due, acknowledged + window)
        while sent < due and (rate or due - sent >= CHUNK or due == count):
            until = min(due, sent + CHUNK)
            now_s = time.monotonic()
            wire.socket.sendall(b"".join(packets[sent:until]))
            times.extend([now_s] * (until - sent))
            sent = until
        if rate and sent < count:
            time.sleep(max(0.0, began_s + sent / rate - time.monotonic()))
            if sent - acknowledged < window // 2:
                continue
        if not rate and sent - acknowledged > window // 2:
            time.sleep(GATHER_S)
        acknowledged += wire.pubacks()
    return times


def main() -> None:
    """Make everything ready, wait, send, and report."""
    written, *files = sys.argv[1:]
    plan = LoadPlan(**json.loads(written))
    packets = list(plan.packets())
    wire = MqttSocket(os.environ["BENCH_URL"], "bench-publisher")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    before_s = time.process_time()
    times = send(wire, packets, plan.rate / plan.array)
    report = {"first_s": times[0], "cpu_s": time.process_time() - before_s}
    for name in files:
        with Path(name).open("wb") as file:
            times.tofile(file)
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
