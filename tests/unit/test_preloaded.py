"""A program that is forked is what it would be if it was started."""

import os
import signal
import sys
from pathlib import Path

from tests.preloaded import PreloadedProcess
from tests.servers import eventually


def sensor_node(log: Path, *options: str, **variables: str) -> PreloadedProcess:
    return PreloadedProcess("node", [sys.executable, "-m", "sensor_node", *options], variables, log)


async def test_it_has_its_own_options_variables_log_and_status(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "node.log"
    helped = sensor_node(log, "--help")
    await helped.start()
    assert "status 0" in await helped.wait_ended()
    assert "--interval" in log.read_text()
    wrong = sensor_node(tmp_path / "wrong.log", ENERGY_MQTT_URL="host")
    await wrong.start()
    assert "status 2" in await wrong.wait_ended()
    said = (tmp_path / "wrong.log").read_text()
    assert said.startswith("sensor-node: ENERGY_MQTT_URL: write the URL as mqtt://")
    assert "ENERGY_MQTT_URL" not in os.environ


async def test_it_can_be_told_to_stop_and_killed(tmp_path: Path) -> None:
    log = tmp_path / "node.log"
    node = sensor_node(log, "--drain", "0s", ENERGY_MQTT_URL="mqtt://u:p@127.0.0.1:9")
    await node.start()
    await eventually(lambda: "does not answer" in log.read_text())
    await node.stop()
    assert "status" in await node.wait_ended()
    await node.start()
    await node.stop(signal.SIGKILL)
    assert "signal 9" in await node.wait_ended()
