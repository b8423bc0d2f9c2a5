"""``docker compose up`` on a running engine, and what arrives in MongoDB and on the alert topic."""

import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import PyMongoError

from tests.compose.stack import START_S, Stack, docker, inspect, until

pytestmark = pytest.mark.compose


def _is_more(count: Callable[[], int], before: int) -> bool:
    return count() > before


def test_three_scaled_nodes_are_three_different_sensors(database: Database[dict[str, Any]]) -> None:
    names = {f"Sensor-LARI-0{number}" for number in (1, 2, 3)}
    theirs = {"sensor_id": {"$in": list(names)}}
    until(lambda: set(database.measures.distinct("sensor_id", theirs)) == names)
    until(lambda: database.sensors.count_documents({"status": "online", **theirs}) == 3)
    assert set(database.measures.distinct("location", theirs)) == {"LARI Research Lab"}


def test_one_more_sensor_is_launched_by_hand(stack: Stack, database: Database[dict[str, Any]]) -> None:
    options = ["--sensor-id", "Sensor-LARI-07", "--location", "Room 7"]
    stack.compose("run", "--detach", "--rm", "sensor-node", *options)
    until(
        lambda: database.measures.count_documents({"sensor_id": "Sensor-LARI-07", "location": "Room 7"}) > 1
    )


def test_ledger_of_a_node_is_held_against_the_database(stack: Stack) -> None:
    ledger = "/var/lib/sensor-node/hall.jsonl"
    options = ["--sensor-id", "Hall-001", "--readings", "100", "--interval", "20ms", "--ledger", ledger]
    stack.compose("run", "--rm", "sensor-node", *options)
    written = stack.compose("exec", "-T", "sensor-node", "cat", ledger)
    verify = ["exec", "-T", "monitor", "monitor", "verify", "-"]
    assert stack.compose(*verify, stdin=written).splitlines()[-1] == "All is well."


def test_scenario_is_said_in_words_and_a_load_drawn(stack: Stack) -> None:
    assert "500 meters on 5 nodes" in stack.compose(
        "run", "--rm", "--no-deps", "sensor-node", "check", "campus"
    )
    drawn = stack.compose("run", "--rm", "--no-deps", "sensor-node", "preview", "--profile", "household")
    assert "kWh in 7 days" in drawn


def test_broker_store_that_cannot_be_read_is_moved_aside_and_said(stack: Stack) -> None:
    stack.compose("stop", "mosquitto")
    damage = "printf damaged > /mosquitto/data/mosquitto.db"
    stack.compose("run", "--rm", "--no-deps", "--entrypoint", "sh", "mosquitto", "-c", damage)
    stack.compose("up", "--detach", "--wait", "--scale", "sensor-node=3")
    assert "the broker's store cannot be used; it was moved to" in stack.compose("logs", "mosquitto")
    assert "damaged" in stack.compose(
        "exec", "-T", "mosquitto", "sh", "-c", "cat /mosquitto/data/*.damaged-*"
    )


def test_node_told_to_stop_while_it_starts_ends_at_once(stack: Stack) -> None:
    container = stack.compose("run", "--detach", "sensor-node", "--sensor-id", "Sensor-short").split()[-1]
    try:
        docker("stop", container)
        killed = 128 + signal.SIGKILL
        assert inspect(container)["State"]["ExitCode"] != killed
    finally:
        docker("rm", container)


def test_alert_reaches_mosquitto_sub_and_is_marked(stack: Stack, database: Database[dict[str, Any]]) -> None:
    subscribe = ["mosquitto_sub", "-t", "energy/alerts/#", "-v", "-C", "1", "-W", "60"]
    line = stack.compose("exec", "-T", "mosquitto", *subscribe)
    topic, payload = line.split(" ", 1)
    alert = json.loads(payload)
    assert topic == f"energy/alerts/lari/{alert['sensor_id']}"
    # Another test gives one sensor a threshold of its own for a while.
    kwh = f"{alert['value_kwh']} kWh > {alert['threshold_kwh']} kWh"
    assert alert["message"] == f"ALERT: High consumption detected! ({kwh})"

    def is_marked() -> bool:
        stored = database.anomalies.find_one({"_id": alert["id"]})
        return stored is not None and stored["alerted_at"] is not None

    until(is_marked)


def test_alarm_is_listed_acknowledged_and_explained(stack: Stack, database: Database[dict[str, Any]]) -> None:
    monitor = ("exec", "-T", "monitor", "monitor")
    stack.compose(*monitor, "sensors", "Sensor-LARI-01", "--threshold", "0.1")
    # No reading is below 0.1 kWh: once the new threshold counts, the alarm that stands then stands on, be
    # it a new one or one of the old threshold.
    flagged = {"sensor_id": "Sensor-LARI-01", "threshold_kwh": 0.1}
    until(lambda: database.measures.count_documents(flagged) > 1)
    active = {"sensor_id": "Sensor-LARI-01", "rule": "overconsumption", "cleared_at": None}
    until(lambda: database.alarms.find_one(active) is not None)
    alarm = database.alarms.find_one(active) or {}
    assert alarm["_id"] in stack.compose(*monitor, "alarms")
    stack.compose(*monitor, "acknowledge", alarm["_id"], "--user", "maria")
    assert (database.alarms.find_one({"_id": alarm["_id"]}) or {})["acknowledged_by"] == "maria"
    stack.compose(*monitor, "sensors", "Sensor-LARI-01", "--threshold", "none")
    words = stack.compose("exec", "-T", "ingestor", "ingestor", "check-config")
    assert words.startswith("/energy/alarms.toml is well.\nFor all sensors:\n")


def test_web_page_lets_in_those_who_know_the_password(stack: Stack) -> None:
    page = stack.log_in("operator", stack.passwords["WEB_OPERATOR_PASSWORD"])
    assert "Active alarms" in page


def test_location_is_set_and_readings_are_exported(stack: Stack, database: Database[dict[str, Any]]) -> None:
    monitor = ("exec", "-T", "monitor", "monitor")
    stack.compose(*monitor, "sensors", "Sensor-LARI-02", "--location", "Hall 2")
    assert (database.sensors.find_one({"sensor_id": "Sensor-LARI-02"}) or {})["own_location"] == "Hall 2"
    lines = stack.compose(
        *monitor, "export", "-", "--format", "csv", "--sensor", "Sensor-LARI-02"
    ).splitlines()
    assert lines[0].startswith("sensor_id,site,location,value_kwh,timestamp")
    assert all(line.startswith("Sensor-LARI-02,lari,") for line in lines[1:])
    assert len(lines) > 1


def test_readings_can_be_watched_in_the_terminal(stack: Stack) -> None:
    watched = stack.compose(
        "exec", "-T", "monitor", "timeout", "-s", "INT", "8", "monitor", "watch", check=False
    )
    assert "🟢 Consumption is normal." in watched


def test_killed_processes_are_started_again(stack: Stack, database: Database[dict[str, Any]]) -> None:
    def restarts(container: str) -> int:
        return int(inspect(container)["RestartCount"])

    for service in ("ingestor", "mosquitto", "mongodb", "monitor"):
        container = stack.containers(service)[0]
        before = restarts(container)
        os.kill(inspect(container)["State"]["Pid"], signal.SIGKILL)
        until(partial(_is_more, partial(restarts, container), before))

    until(stack.is_healthy, seconds=120)

    def newest() -> object:
        try:
            return database.measures.find_one(sort=[("timestamp", -1)])
        except PyMongoError:
            return None

    last = newest()
    until(lambda: newest() not in (None, last))


def test_everything_stops_in_time_and_goes_on_with_its_data(stack: Stack) -> None:
    with stack.database() as client:
        stored = set(client["energy_db"].measures.distinct("_id"))
    assert stored
    began = time.monotonic()
    stack.compose("stop")
    assert time.monotonic() - began < 40
    for service in ("ingestor", "monitor", "sensor-node"):
        for container in stack.containers(service):
            assert inspect(container)["State"]["ExitCode"] == 0, service
    stack.compose("down")
    stack.compose("up", "--detach", "--wait", "--scale", "sensor-node=3", timeout=START_S)
    with stack.database() as client:
        # A proper part of what is there now.
        until(lambda: stored < set(client["energy_db"].measures.distinct("_id")))
