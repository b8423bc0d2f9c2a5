"""What the README says, held against the programs."""

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from broker.access.command_settings import AccessSettings
from broker.settings import VARIABLES
from broker.topics import Topics
from ingestor import schema
from ingestor.settings import IngestorSettings
from monitor.web.settings import WebSettings
from sensor_node.settings import SensorNodeSettings
from stack.secrets.client_files import write_client_files
from stack.servers import Servers
from tests.servers import RunningIngestor, Wire, eventually

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def test_settings_table_is_complete_and_right() -> None:
    rows = {variable: default for variable, default, _ in table("Settings")}
    assert sorted(rows) == sorted(VARIABLES)
    fields: dict[str, FieldInfo] = {
        **AccessSettings.model_fields,
        **WebSettings.model_fields,
        **IngestorSettings.model_fields,
        **SensorNodeSettings.model_fields,
    }
    for variable, default in rows.items():
        value = fields[variable.removeprefix("ENERGY_").lower()].default
        assert default == ("off" if value is None else str(value))


def test_topics_table_names_the_topics_that_are_built() -> None:
    rows = {row[0] for row in table("Topics")}
    topics = Topics()
    place = topics.sensor_key("x/<site>/<sensor_id>")
    assert rows == {
        topics.readings(*place),
        topics.status("<site>", "<node_id>"),
        topics.stored(*place),
        topics.alerts(*place),
        topics.alarms(*place),
        topics.alarm_flood("<site>"),
        topics.commands(*place),
        topics.rejected(place),
        topics.ingestors("<name>"),
    }


def test_collections_table_names_what_is_made() -> None:
    named = set(re.findall(r"[a-z]+", " ".join(row[0] for row in table("What MongoDB holds"))))
    assert named == {*schema.VALIDATORS, "anomalies"} - {"checkpoints"}


def test_files_that_are_named_exist_and_no_password_is() -> None:
    for script in set(re.findall(r"scripts/[a-z-]+|tests/[a-z_/]+\.py", README)):
        assert (ROOT / script).exists(), script
    assert not re.findall(r" -P |://\w+:(?!password@)\w|password=\w", README)


@pytest.mark.integration
async def test_meter_of_ones_own_is_published_as_shown(servers: Servers, tmp_path: Path, site: str) -> None:
    command = README.split("    XDG_CONFIG_HOME=var/clients/sensors mosquitto_pub", 1)[1].split("\n\n", 1)[0]
    write_client_files(tmp_path / "clients", servers.accounts, servers.mqtt_port, servers.mongo_port)
    own = f"XDG_CONFIG_HOME={tmp_path}/clients/sensors mosquitto_pub"
    shown = f"{own}{command}".replace("lari/", f"{site}/")
    ingestor = RunningIngestor(servers, site, tmp_path / "log")
    await ingestor.start()
    async with Wire(servers.mqtt("viewer")) as viewer:
        await viewer.listen(f"energy/alerts/{site}/+")
        await asyncio.to_thread(subprocess.run, ["sh", "-c", shown], check=True, timeout=20)
        await eventually(lambda: len(viewer.messages) == 1)
    assert await ingestor.stop() == 0
    alert = json.loads(viewer.messages[0].payload)
    example = README.split("## Alerts\n\n", 1)[1].split("\n\n", 1)[0]
    assert json.loads(example).keys() == alert.keys()
    assert json.loads(example)["message"] == alert["message"]
