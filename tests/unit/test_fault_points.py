"""Faults are put into the product at fault points: who renames something there changes nothing else."""

import ast
import builtins
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests import fault_points
from tests.fault_points.point import Point

TESTS = Path(fault_points.__file__).parents[1]
# What named tuples have.
HARMLESS = {"_replace", "_asdict"}
PRODUCT = ("broker", "ingestor", "monitor", "sensor_node", "stack")
# Other files that reach into something private, and what that is.
EXCEPTIONS = {
    "security/anew.py": "NiceGUI keeps one page for a process, and has nothing that forgets all of it",
    "fuzz/targets/status.py": "pymongo shows nowhere else what goes to the database",
    "unit/test_bench.py": "one end of a measurement, which is no product",
}


def points() -> Iterator[tuple[str, Point]]:
    for room in pkgutil.iter_modules(fault_points.__path__):
        for name, there in vars(importlib.import_module(f"{fault_points.__name__}.{room.name}")).items():
            for point in there if isinstance(there, tuple) else (there,):
                if isinstance(point, Point):
                    yield f"{room.name}.{name}", point


def is_there(point: Point) -> bool:
    # A builtin can be replaced for one module.
    return hasattr(point.owner, point.name) or (
        isinstance(point.owner, ModuleType) and hasattr(builtins, point.name)
    )


def test_product_has_something_at_every_point() -> None:
    found = [*points()]
    assert len(found) > 80
    assert [name for name, point in found if not is_there(point)] == []


def test_no_place_has_two_names() -> None:
    places = [(id(point.owner), point.name) for _, point in points()]
    assert len(places) == len(set(places))


def is_of_product(name: object) -> bool:
    return isinstance(name, str) and name.split(".")[0] in PRODUCT


def is_private(name: object) -> bool:
    return isinstance(name, str) and name[:1] == "_" and name[:2] != "__" and name not in HARMLESS


def root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def names_of_product(tree: ast.Module) -> set[str]:
    """Under what names a file knows modules of the product, and what is in them."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_of_product(node.module):
            names |= {each.asname or each.name for each in node.names}
        elif isinstance(node, ast.Import):
            modules = [each for each in node.names if is_of_product(each.name)]
            names |= {each.asname or each.name.split(".")[0] for each in modules}
    return names


def replaces(call: ast.Call, of_product: set[str]) -> bool:
    """Whether a call replaces something of the product."""
    said = ast.unparse(call.func).split(".")
    if "patch" in said[-2:]:
        return ast.unparse(call.args[0]) not in {"os.environ", "sys"}
    if said[-1] not in {"setattr", "delattr"}:
        return False
    texts = [each.value for each in call.args if isinstance(each, ast.Constant)]
    return root(call.args[0]) in of_product or any(is_of_product(each) or is_private(each) for each in texts)


def offences(text: str) -> Iterator[str]:
    """What a file does for which there are fault points."""
    tree = ast.parse(text)
    of_product = names_of_product(tree)
    classes = [each for each in ast.walk(tree) if isinstance(each, ast.ClassDef)]
    in_classes = {id(node) for each in classes for node in ast.walk(each)}
    for node in ast.walk(tree):
        match node:
            case ast.Call() if replaces(node, of_product):
                yield ast.unparse(node)
            case ast.ImportFrom() if any(is_private(each.name) for each in node.names):
                yield ast.unparse(node)
            case ast.Attribute() if is_private(node.attr):
                is_own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
                if not (is_own and id(node) in in_classes):
                    yield ast.unparse(node)
            case ast.Attribute(ctx=ast.Store()) if root(node) in of_product:
                yield ast.unparse(node)


def test_nothing_else_patches_the_product_or_knows_what_is_private_there() -> None:
    found = {
        str(file.relative_to(TESTS)): said
        for file in sorted(TESTS.rglob("*.py"))
        if TESTS / "fault_points" not in file.parents and (said := [*offences(file.read_text())])
    }
    assert {name: said for name, said in found.items() if name not in EXCEPTIONS} == {}
    assert found.keys() == EXCEPTIONS.keys(), "an exception that is none any longer"


@pytest.mark.parametrize(
    "planted",
    [
        "from unittest.mock import patch\npatch.object(store, 'DURABLE', 1).start()",
        "from unittest import mock\nmock.patch('broker.supervisor.client_id', str)",
        "patch.dict(receive.Inbox.__init__.__kwdefaults__, {})",
        "from ingestor.alarms.notify import notifier\nmonkeypatch.setattr(notifier, 'LIMIT_S', 1)",
        "monkeypatch.setattr('ingestor.decode.energy_json.ascii', str)",
        "from monitor import live\nlive.LATE = 'late'",
        "view._error = 'late'",
        "from ingestor.pipeline import _acknowledge",
        "def early(self, batch):\n    self._confirm(batch)",
    ],
)
def test_planted_offence_is_found(planted: str) -> None:
    assert [*offences(planted)]


@pytest.mark.parametrize(
    "allowed",
    [
        "with patch.dict(os.environ, {'A': 'b'}):\n    pass",
        "monkeypatch.setattr(time, 'monotonic', clock)",
        "class Mine:\n    def one(self):\n        return self._one",
        "now._replace(at=1)",
    ],
)
def test_what_is_no_offence_is_none(allowed: str) -> None:
    assert [*offences(allowed)] == []
