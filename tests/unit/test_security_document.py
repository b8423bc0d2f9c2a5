"""docs/security.md names a test for every threat, and every file of attacks."""

import ast
import re
from pathlib import Path

from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "security.md").read_text()
TEST = re.compile(r"`(tests/[a-z_/]+\.py)::(test_\w+)`")


def threats(document: str) -> list[str]:
    """The rows of the table of threats."""
    section = document.split("\n## Threats\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("| ")][2:]


def named_in(file: Path) -> set[str]:
    """The tests in a file, without running it."""
    if not file.exists():
        return set()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {each.name for each in ast.parse(file.read_text()).body if isinstance(each, functions)}


def wrong_in(document: str) -> list[str]:
    """Rows without a test, tests that there are not, and files of attacks that no row names."""
    rows = threats(document)
    named = {(file, test) for row in rows for file, test in TEST.findall(row)}
    attacks = {str(file.relative_to(ROOT)) for file in (ROOT / "tests" / "security").glob("test_*.py")}
    return [
        *(row for row in rows if not TEST.search(row.split("|")[3])),
        *(f"{file}::{test}" for file, test in sorted(named) if test not in named_in(ROOT / file)),
        *sorted(attacks - {file for file, _ in named}),
    ]


def test_every_threat_has_a_test_that_exists_and_every_attack_is_named() -> None:
    assert len(threats(DOCUMENT)) >= 35
    assert wrong_in(DOCUMENT) == []


def test_row_without_a_test_or_with_one_that_is_gone_is_found() -> None:
    head = "\n## Threats\n\n| threat | what stops it | shown by |\n| --- | --- | --- |\n"
    rows = "| flood | hope | |\n| will | list | `tests/security/test_topics.py::test_that_is_gone` |\n"
    found = wrong_in(f"{head}{rows}")
    assert found[:2] == ["| flood | hope | |", "tests/security/test_topics.py::test_that_is_gone"]
    assert "tests/security/test_rest.py" in found
    assert "tests/security/test_topics.py" not in found


def test_links_and_commands_of_the_document_exist() -> None:
    for script in set(re.findall(r"scripts/[a-z-]+", DOCUMENT)):
        assert (ROOT / script).exists(), script
    for link in re.findall(r"\]\(([^)#]+)", DOCUMENT):
        assert (ROOT / "docs" / link).exists(), link
    assert "docs/security.md" in (ROOT / "README.md").read_text()
