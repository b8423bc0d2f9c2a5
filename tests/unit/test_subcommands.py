"""A command whose extra is not installed names it; an error of our own modules stays an error."""

import subprocess
import sys
from pathlib import Path

import pytest

from broker.program.subcommands import run_subcommand

WITHOUT = (
    "import sys; sys.modules[{package!r}] = None; sys.argv = {argv}; from {room}.__main__ import main; main()"
)


@pytest.mark.parametrize(
    ("argv", "package", "extra"),
    [
        (["monitor", "alarms"], "rich", "web"),
        (["monitor", "web"], "nicegui", "web"),
        (["sensor-node"], "aiosqlite", "simulator"),
        (["sensor-node", "replay"], "aiosqlite", "simulator"),
    ],
)
def test_missing_extra_is_named(argv: list[str], package: str, extra: str) -> None:
    code = WITHOUT.format(package=package, argv=argv, room=argv[0].replace("-", "_"))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert ended.returncode == 2
    assert ended.stderr == (
        f"{argv[0]}: needs {package}, which comes with the extra `{extra}`; scripts/setup installs all\n"
    )


def test_missing_module_of_our_own_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "command_with_a_typo.py").write_text("import monitor.no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        run_subcommand("monitor", "web", ("command_with_a_typo", "main"), [])
