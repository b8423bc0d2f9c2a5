"""What documents say, held against what is there."""

import re
from pathlib import Path
from typing import get_args

from broker.access.roles import AssignableRole
from broker.program.settings import VARIABLES
from stack.secrets.passwords import NAMES

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("broker", "sensor_node", "ingestor", "monitor", "stack", "scripts", "bench")
# Said by NiceGUI and by Docker.
OF_OTHERS = {
    "Connection lost",
    "port is already allocated",
    *(f'service "{service}" didn\'t complete successfully' for service in ("users", "passwords")),
}
MANY, SHORTEST = 15, 12
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text()
SECURITY = (ROOT / "docs" / "security.md").read_text()


def test_page_on_reverse_proxies_names_settings_that_there_are() -> None:
    text = (ROOT / "docs" / "reverse-proxy.md").read_text()
    named = set(re.findall(r"ENERGY_[A-Z_]+", text))
    assert {"ENERGY_TRUSTED_PROXY", "ENERGY_TLS_CERTIFICATE"} <= named <= set(VARIABLES)


def test_links_of_the_documents_lead_somewhere() -> None:
    for file in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text()):
            if "://" in target:
                continue
            path, _, heading = target.partition("#")
            document = file.parent / path if path else file
            assert document.exists(), (file, target)
            assert not heading or heading in headings(document), (file, target)


def headings(document: Path) -> set[str]:
    """What may be behind the # in a link to a document."""
    lines = [line.lstrip("# ") for line in document.read_text().splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in lines}


def test_table_of_roles_has_them_all() -> None:
    section = SECURITY.split("\n## Rights on the broker\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [*get_args(AssignableRole)]


def test_table_of_database_users_has_them_all() -> None:
    section = SECURITY.split("\n## Rights in MongoDB\n")[1].split("\n### ")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert named == [role.lower() for role in ("ADMIN", "INGESTOR", "OPERATOR", "VIEWER")]
    assert {f"MONGO_{name.upper()}_PASSWORD" for name in named} == {
        name for name in NAMES if name.startswith("MONGO_")
    }


def test_messages_that_are_explained_are_said_somewhere() -> None:
    said = " ".join(
        file.read_text() for room in ROOMS for file in (ROOT / room).rglob("*") if is_program(file)
    )
    cells = re.findall(r"^\| ([^|]+) \|", TROUBLESHOOTING, re.MULTILINE)
    messages = [each for cell in cells for each in re.findall(r"`([^`]+)`", cell)]
    parts = [part.strip(" ;:,()") for message in messages for part in re.split("[…;]", message)]
    words = {part for part in parts if len(part) > SHORTEST and "/" not in part} - OF_OTHERS
    assert len(words) > MANY
    assert [each for each in words if each not in said] == []


def is_program(file: Path) -> bool:
    return file.suffix == ".py" or file.parent.name == "scripts" or file.name == "mosquitto-start"


def test_files_that_developers_are_sent_to_exist() -> None:
    for file in (ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        named = re.findall(rf"`((?:{'|'.join(ROOMS)}|tests|docs)/[A-Za-z0-9_./-]+)`", file.read_text())
        missing = [each for each in named if "NAME" not in each and not (ROOT / each).exists()]
        assert missing == [], file
