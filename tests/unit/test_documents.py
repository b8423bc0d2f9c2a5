"""What documents say, held against what is there."""

import re
from pathlib import Path

from broker.access.roles import ROLES
from broker.settings import VARIABLES

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def test_page_on_reverse_proxies_names_settings_that_there_are() -> None:
    text = (ROOT / "docs" / "reverse-proxy.md").read_text()
    named = set(re.findall(r"ENERGY_[A-Z_]+", text))
    assert {"ENERGY_TRUSTED_PROXY", "ENERGY_TLS_CERTIFICATE"} <= named <= set(VARIABLES)


def test_links_of_the_documents_lead_somewhere() -> None:
    for file in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
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
    section = README.split("\n## Security\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [
        each for each in ROLES if each != "health"
    ]
