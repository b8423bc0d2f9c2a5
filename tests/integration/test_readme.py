"""What the README says, held against the programs."""

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest

from stack.secrets.secret_files import write_client_files
from stack.servers import Servers
from tests.servers import RunningIngestor, Wire, eventually

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
TOPICS = (ROOT / "docs" / "reference" / "topics.md").read_text()
MOST_LINES = 150


def test_files_that_are_named_exist_and_no_password_is() -> None:
    for script in set(re.findall(r"scripts/[a-z-]+|tests/[a-z_/]+\.py", README)):
        assert (ROOT / script).exists(), script
    assert len(README.splitlines()) <= MOST_LINES
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
    example = TOPICS.split("## Alert\n\n", 1)[1].split("\n\n", 1)[0]
    assert json.loads(example).keys() == alert.keys()
    assert json.loads(example)["message"] == alert["message"]
