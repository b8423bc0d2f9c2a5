"""What the first sketch of such a system does: one process, and ``insert_one`` for each reading, in turn."""

import json
import os
import sys
from datetime import datetime
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from pymongo import MongoClient

CLIENT = "bench-consumer"


def main() -> None:
    mqtt = urlsplit(os.environ["BENCH_URL"])
    measures = MongoClient(os.environ["BENCH_MONGO_URL"]).get_default_database()["readings"]

    def on_message(_client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        reading = json.loads(message.payload)
        measures.insert_one(
            {
                **reading,
                "timestamp": datetime.fromisoformat(reading["timestamp"]),
                "is_anomaly": reading["value_kwh"] > 12.0,
            }
        )

    def on_subscribe(*_: object) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=CLIENT)
    client.username_pw_set(mqtt.username, mqtt.password)
    client.on_message, client.on_subscribe = on_message, on_subscribe
    client.connect(mqtt.hostname, mqtt.port)
    client.subscribe("energy/readings/+/+", qos=1)
    client.loop_forever()


main()
