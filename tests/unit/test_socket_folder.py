import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stack.socket_folder import private_socket_folder


def test_only_this_user_can_enter_the_folder_of_sockets() -> None:
    folder = private_socket_folder()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder != private_socket_folder()


@pytest.mark.parametrize("length", [0, 150])
def test_a_socket_of_a_server_fits_into_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    parent = tmp_path / ("x" * length)
    parent.mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(parent) if length else None)
    path = private_socket_folder() / "mongodb-65535.sock"
    assert len(bytes(path)) < 108
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def test_the_folder_goes_with_its_process() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "from stack.socket_folder import private_socket_folder as f; print(f())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert Path(made).name.startswith("energy-")
    assert not Path(made).exists()
