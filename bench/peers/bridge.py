"""mq-bridge: a Rust engine that takes messages from MQTT, writes them to MongoDB and then acknowledges."""

import os
import signal
import sys
import time
from urllib.parse import urlsplit

from mq_bridge import Route

CLIENT = "bench-consumer"
SUBSCRIBED_AFTER_S = 1.5


def main() -> None:
    mqtt = urlsplit(os.environ["BENCH_URL"])
    mongo = os.environ["BENCH_MONGO_URL"]
    route = Route.from_config(
        {
            "routes": {
                "readings": {
                    "input": {
                        "mqtt": {
                            "url": f"tcp://{mqtt.hostname}:{mqtt.port}",
                            "username": mqtt.username,
                            "password": mqtt.password,
                            "client_id": CLIENT,
                            "topic": "energy/readings/+/+",
                            "qos": 1,
                            "protocol": "v5",
                            "clean_session": False,
                            "session_expiry_interval": 3600,
                        }
                    },
                    "output": {
                        "mongodb": {
                            "url": mongo,
                            "database": urlsplit(mongo).path.removeprefix("/"),
                            "collection": "readings",
                            "format": "json",
                        }
                    },
                }
            }
        },
        "readings",
    )
    route.start()
    time.sleep(SUBSCRIBED_AFTER_S)  # it does not say when it is subscribed
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    route.stop()
    route.join()


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
main()
