"""Passwords, ports and what starts with them."""

import re
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from stack.ports import free_port, reserve_port
from stack.processes import Process
from stack.secrets.credentials import ROLES, Credentials
from stack.secrets.passwords import (
    ADMIN,
    NAMES,
    PREVIOUS,
    PasswordsError,
    ensure_passwords,
    forget_previous,
    previous_passwords,
    rotate_passwords,
)
from tests.programs import Ended, run_program

ROOT = Path(__file__).parent.parent.parent
COMPOSE = "".join((ROOT / name).read_text() for name in ("docker-compose.yml", "docker-compose.tls.yml"))


def test_passwords_are_made_once_for_their_owner_only_and_kept(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    made = ensure_passwords(env)
    assert made.keys() == set(NAMES)
    assert len(set(made.values())) == len(NAMES)
    assert all(len(password) >= 32 for password in made.values())
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert ensure_passwords(env) == made == dotenv_values(env)


def test_what_is_in_env_stays_and_what_is_missing_is_added(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# mine\nMQTT_VIEWER_PASSWORD=mine-and-long\nUNRELATED=x")
    made = ensure_passwords(env)
    assert made["MQTT_VIEWER_PASSWORD"] == "mine-and-long"  # noqa: S105
    before = "# mine\nMQTT_VIEWER_PASSWORD=mine-and-long\nUNRELATED=x\nMONGO_ADMIN_PASSWORD="
    assert env.read_text().startswith(before)
    assert Credentials(made).mqtt("viewer", 1) == "mqtt://viewer:mine-and-long@127.0.0.1:1"


def test_env_that_others_can_read_is_closed(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    ensure_passwords(env)
    env.chmod(0o644)
    ensure_passwords(env)
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


def test_password_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-its-own-file\n")
    env = tmp_path / ".env"
    env.write_text(f"WEB_VIEWER_PASSWORD_FILE={tmp_path}/secret\n")
    assert ensure_passwords(env)["WEB_VIEWER_PASSWORD"] == "from-its-own-file"  # noqa: S105
    with pytest.raises(PasswordsError, match=r"is kept in .*secret; change it there"):
        rotate_passwords(env, ["WEB_VIEWER_PASSWORD"])


def test_short_password_in_a_file_of_its_own_is_changed_there(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    (tmp_path / ".env").write_text(f"WEB_VIEWER_PASSWORD_FILE={tmp_path}/secret\n")
    with pytest.raises(PasswordsError, match=r"must have 12 to 200 .*; change it in .*/secret$"):
        ensure_passwords(tmp_path / ".env")


def test_file_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WEB_VIEWER_PASSWORD_FILE=/nowhere\n")
    with pytest.raises(PasswordsError, match=r"^/nowhere cannot be used"):
        ensure_passwords(tmp_path / ".env")


@pytest.mark.parametrize(
    "password",
    ["", "x", "elevenchars", *(f"long-enough{sign}but" for sign in (" ", "@", ":", "/", "ä", "\n"))],
)
def test_password_that_is_short_or_would_break_a_url_is_rejected_and_mended(
    tmp_path: Path, password: str
) -> None:
    env = tmp_path / ".env"
    env.write_text(f"MQTT_SENSORS_PASSWORD='{password}'\n")
    with pytest.raises(PasswordsError) as rejected:
        ensure_passwords(env)
    sentence = (
        "MQTT_SENSORS_PASSWORD in .env must have 12 to 200 letters, digits and . _ - ~; make a new one: "
    )
    assert str(rejected.value) == f"{sentence}scripts/passwords rotate MQTT_SENSORS_PASSWORD"
    rotate_passwords(env, ["MQTT_SENSORS_PASSWORD"])
    assert len(ensure_passwords(env)["MQTT_SENSORS_PASSWORD"]) == 32


def test_one_command_makes_new_passwords_and_shows_none(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    before = ensure_passwords(env)
    command = [sys.executable, "-m", "stack.secrets.passwords", "rotate", "--env", str(env)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    after = ensure_passwords(env)
    assert not [name for name in NAMES if before[name] == after[name]]
    assert previous_passwords(after) == [before["MONGO_ADMIN_PASSWORD"]]
    assert not [password for password in after.values() if password in done.stdout + done.stderr]
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    wrong = run_program("stack.secrets.passwords", "rotate", "NO_PASSWORD", "--env", str(env))
    assert wrong.status == 1
    assert wrong.errors.startswith("scripts/passwords: there is no password 'NO_PASSWORD'; known are MONGO")
    assert ensure_passwords(env) == after


def test_administrators_earlier_passwords_stay_until_the_database_has_the_new_one(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# mine\nUNRELATED=x\n")
    first = ensure_passwords(env)[ADMIN]
    rotate_passwords(env, [ADMIN])
    second = ensure_passwords(env)[ADMIN]
    rotate_passwords(env, [ADMIN])
    third = ensure_passwords(env)
    assert len({first, second, third[ADMIN]}) == 3
    assert previous_passwords(third) == [second, first]
    forget_previous(env)
    assert ensure_passwords(env) == {name: value for name, value in third.items() if name != PREVIOUS}
    assert env.read_text().startswith("# mine\nUNRELATED=x\n")


def test_next_port_is_taken_when_the_preferred_one_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert free_port(port) > port


def test_stacks_that_start_together_get_different_ports() -> None:
    port = reserve_port()
    choose = f"from stack.ports import free_port; print(free_port({port}), flush=True); input()"
    command = [sys.executable, "-c", choose]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:  # noqa: S603 - ours
        assert other.stdout is not None
        assert int(other.stdout.readline()) == port
        assert free_port(port) > port
        other.communicate("\n")


def test_compose_files_hold_no_password_and_the_example_tells_of_every_setting() -> None:
    example = (ROOT / ".env.example").read_text()
    names = set(re.findall(r"\$\{([A-Z_]+):-", COMPOSE))
    assert names
    for name in names:
        assert f"# {name}=" in example, name
    assert not re.findall(r"(?:PASSWORD|SECRET)\w*: (?!/run/secrets/)", COMPOSE)
    assert all(name in example for name in NAMES)
    assert {f"MQTT_{name.upper()}_PASSWORD" for name in ROLES} == {each for each in NAMES if "MQTT" in each}


def test_nothing_of_a_password_is_in_the_repository() -> None:
    git = shutil.which("git") or "git"
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    files = [ROOT / name for name in listed.stdout.split() if (ROOT / name).is_file()]
    assert len(files) > 100
    env = ROOT / ".env"
    secret = [each for each in dotenv_values(env).values() if each and len(each) > 20] if env.exists() else []
    for file in files:
        text = file.read_bytes()
        assert b"-----BEGIN " + b"PRIVATE KEY" not in text, file
        assert not [each for each in secret if each.encode() in text], file
    assert ".env" not in listed.stdout.split()
    ignored = subprocess.run(  # noqa: S603
        [git, "check-ignore", ".env", "var/"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert ignored.stdout.split() == [b".env", b"var/"]


@pytest.mark.parametrize("exists", [False, True])
def test_folder_of_a_stack_is_in_no_repository_wherever_it_is(tmp_path: Path, *, exists: bool) -> None:
    git = shutil.which("git") or "git"
    subprocess.run([git, "init", "-q", tmp_path], check=True)  # noqa: S603
    state = tmp_path / "elsewhere"
    if exists:
        state.mkdir()
    # It ends before anything is started: no program is found.
    ended = run_program("stack", "--state", str(state), variables={"PATH": "/nowhere"})
    (state / "stack.env").write_text("a password")
    (tmp_path / "known").touch()
    status = subprocess.run(  # noqa: S603
        [git, "status", "--short", "--untracked-files=all"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ended.status, status.stdout) == (1, "?? known\n")


def test_top_folder_of_a_repository_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    run_program("stack", "--state", str(tmp_path), variables={"PATH": "/nowhere"})
    assert not (tmp_path / ".gitignore").exists()


def test_variable_that_names_a_file_is_read_from_it(tmp_path: Path) -> None:
    url = tmp_path / "url"
    url.write_text("mqtt://u:its-a-secret@127.0.0.1:1\n")

    def start(**variables: str) -> Ended:
        return run_program("sensor_node", "--readings", "1", "--drain", "1ms", variables=variables)

    for given, sentence in (
        (
            {"ENERGY_MQTT_URL_FILE": str(url), "ENERGY_MQTT_URL": "mqtt://x"},
            "both ENERGY_MQTT_URL and ENERGY_MQTT_URL_FILE are set",
        ),
        ({"ENERGY_MQTT_URL_FILE": "/nowhere"}, "ENERGY_MQTT_URL_FILE: /nowhere cannot be read (No such file"),
        # Nothing of what is there in the place of a file's name.
        (
            {"ENERGY_MQTT_URL_FILE": "mqtt://u:its-a-secret@h"},
            "ENERGY_MQTT_URL_FILE: the file cannot be read (",
        ),
        ({"ENERGY_MQTT_URLL_FILE": str(url)}, "the environment variable ENERGY_MQTT_URLL_FILE is unknown"),
    ):
        done = start(**given)
        assert done.status == 2
        assert sentence in done.errors
        assert "its-a-secret" not in done.errors
    url.write_text("its-a-secret")
    done = start(ENERGY_MQTT_URL_FILE=str(url))
    assert done.errors.startswith("sensor-node: ENERGY_MQTT_URL_FILE: write the URL as mqtt://")
    assert "its-a-secret" not in done.errors


UP_WITH_A_FORK_HANDLER = """
import os
import stack.__main__ as program
from stack.processes import Process


async def up(_settings, _stop):
    process = Process("nothing", ["true"])
    await process.start()
    await process.wait_ended()


os.register_at_fork(after_in_child=lambda: os.write(1, b"a handler ran"))
program.up = up
program.main()
"""


def test_child_processes_of_up_run_no_fork_handlers_of_libraries() -> None:
    command = [sys.executable, "-c", UP_WITH_A_FORK_HANDLER]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == ""


async def test_reason_of_an_end_is_not_taken_from_an_earlier_run(tmp_path: Path) -> None:
    log = tmp_path / "page.log"
    log.write_text("KeyError: of an earlier run\n")
    silent = Process("page", ["false"], log=log)
    await silent.start()
    assert await silent.wait_ended() == f"page ended (status 1); see {log}"
    speaks = Process("page", ["sh", "-c", "echo no password; exit 2"], log=log)
    await speaks.start()
    assert await speaks.wait_ended() == f"page ended (status 2): no password (more in {log})"
