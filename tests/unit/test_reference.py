"""The pages of docs/reference, held against the programs."""

import re
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import pytest

from broker.__main__ import COMMANDS as BROKER_COMMANDS
from broker.access.command import AccessCommand
from broker.program.settings import VARIABLES
from broker.topics import Topics
from ingestor.settings import IngestorSettings
from ingestor.store import schema
from monitor.__main__ import COMMANDS as MONITOR_COMMANDS
from monitor.web.api.app import make_api
from monitor.web.settings import WebSettings
from sensor_node.__main__ import COMMANDS as NODE_COMMANDS
from sensor_node.settings import SensorNodeSettings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parent.parent.parent
REFERENCE = ROOT / "docs" / "reference"


def section(page: str, heading: str) -> str:
    text = (REFERENCE / f"{page}.md").read_text()
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def table(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading."""
    lines = section(page, heading).split("\n| ", 1)[1].split("\n\n", 1)[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def test_settings_table_is_complete_and_right() -> None:
    rows = {variable: default for variable, default, _ in table("settings", "Variables")}
    assert sorted(rows) == sorted(VARIABLES)
    fields: dict[str, FieldInfo] = {
        **AccessCommand.model_fields,
        **WebSettings.model_fields,
        **IngestorSettings.model_fields,
        **SensorNodeSettings.model_fields,
    }
    for variable, default in rows.items():
        value = fields[variable.removeprefix("ENERGY_").lower()].default
        assert default == ("off" if value is None else str(value))


def test_settings_of_env_are_those_of_the_compose_files() -> None:
    composed = "".join((ROOT / name).read_text() for name in ("docker-compose.yml", "docker-compose.tls.yml"))
    for names, defaults, _ in table("settings", "The file .env"):
        if "_PASSWORD" in names or names.startswith("…"):
            continue
        for name, default in zip(re.findall(r"[A-Z_]{5,}", names), defaults.split(", "), strict=True):
            assert f"${{{name}:-{default.strip('`')}}}" in composed, name


def test_topics_table_names_the_topics_that_are_built() -> None:
    rows = {row[0] for row in table("topics", "Topics")}
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
    assert {row[0] for row in table("collections", "Overview")} == {*schema.VALIDATORS, "anomalies"}


@pytest.mark.parametrize(
    ("collection", "heading"),
    [(name, "hourly and daily" if name in {"hourly", "daily"} else name) for name in schema.VALIDATORS],
)
def test_fields_of_a_collection_are_all_there(collection: str, heading: str) -> None:
    if collection == "checkpoints":
        return
    shown = set(re.findall(r"`([a-z_]+)`", section("collections", heading)))
    assert set(schema.VALIDATORS[collection]["properties"]) - {"_id"} <= shown


def test_operations_of_the_rest_interface_are_all_there() -> None:
    paths = make_api(MagicMock(), MagicMock(), {}).openapi()["paths"]
    offered = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert {row[0] for row in table("rest", "Operations")} == offered


def test_commands_are_all_there() -> None:
    def named(program: str) -> set[str]:
        rows = {row[0] for row in table("commands", program)}
        return {re.sub(r"( [A-Z…]+| --role)+$", "", row).removeprefix(f"{program}").strip() for row in rows}

    assert named("monitor") == set(MONITOR_COMMANDS)
    assert named("broker") == {" ".join(words) for words in BROKER_COMMANDS}
    assert named("sensor-node") == {command or "" for command in NODE_COMMANDS}


def test_scripts_are_all_there() -> None:
    text = (REFERENCE / "commands.md").read_text()
    assert set(re.findall(r"`scripts/([a-z-]+)", text)) == {
        each.name for each in (ROOT / "scripts").iterdir() if each.is_file()
    }
