"""Settings: the first byte of an input chooses the program; each line behind it is a variable or an option.

Whatever they are, the settings are taken and keep what they promise, or the process ends with status 2 after
one sentence: no traceback, and no password, which here is always ``hunter2``.
"""

import io
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from broker.access.certificate_commands import InitAuthority
from broker.access.user_commands import AddUser
from broker.program.settings import ProcessSettings, read_settings
from ingestor.settings import IngestorSettings
from monitor.cli.settings import AcknowledgeSettings, VerifySettings
from monitor.export.settings import ExportSettings
from monitor.report.settings import ReportSettings
from monitor.web.settings import WebSettings
from sensor_node.settings import SensorNodeSettings
from tests.fuzz.oracles import assert_is_sentence

PROGRAMS: tuple[type[ProcessSettings], ...] = (
    IngestorSettings, SensorNodeSettings, WebSettings, AddUser, InitAuthority, ExportSettings,
    ReportSettings, VerifySettings, AcknowledgeSettings,
)  # fmt: skip
SECRET = "hunter2"  # noqa: S105 - none
LINES = 12
MOST = 1020
# Where a password is a password: in a URL, behind a name that says so, or behind the option before it.
_names_secret = re.compile(r"-*[\w-]*(url|pass|notify)[\w-]*", re.IGNORECASE)
_holds_secret = re.compile(r"(-*[\w-]*(url|pass|notify)[\w-]*=|\S*://)", re.IGNORECASE)


def _given(program: int, *lines: str) -> bytes:
    return "\n".join((chr(program), *lines)).encode(errors="surrogatepass")


SEEDS = (
    _given(0),
    _given(0, "--help"),
    _given(0, "ENERGY_TRESHOLD=9"),
    _given(0, "ENERGY_\u202e\x1b[2J=1"),
    _given(0, f"ENERGY_{'X' * 60_000}=1"),
    _given(0, "ENERGY_THRESHOLD_KWH=nan"),
    _given(0, f"ENERGY_THRESHOLD_KWH={'9' * 5000}"),
    _given(0, f"ENERGY_MQTT_URL=mqtt://u:{SECRET}@h:x"),
    _given(0, f"ENERGY_MQTT_URL=mqtt://u:{SECRET}@h\u2100"),
    _given(0, f"ENERGY_MQTT_URL=mqtts://u:{SECRET}@h?tlsCAFile=%00"),
    _given(0, f"ENERGY_MONGO_URL=mongodb://u:{SECRET}@h\u2100/d"),
    _given(0, f"ENERGY_MONGO_URL=mongodb://u:[{SECRET}@h/d"),
    _given(0, f"ENERGY_MONGO_URL=mongodb://u:{SECRET}@h/d\u202e"),
    _given(0, f"ENERGY_NOTIFY=mailto://u:{SECRET}@example.org json://x"),
    _given(0, f"ENERGY_NOTIFY={SECRET}"),
    _given(0, "FILE:ENERGY_MONGO_URL_FILE=mongodb://u:hunter2@h"),
    _given(0, "FILE:ENERGY_SITE_FILE=a\udcff"),
    _given(0, f"ENERGY_SITE_FILE=mqtts://u:{SECRET}@h"),
    _given(0, f"ENERGY_SITE_FILE=/no/mqtts://u:{SECRET}@h"),
    _given(0, "ENERGY_SITE_FILE=/no/\u202e", "ENERGY_SITE=lari"),
    _given(0, "ENERGY_HTTP=127.0.0.1:99999"),
    _given(0, "--drain=-5s"),
    _given(0, "--drain=" + "9" * 400 + "h"),
    _given(0, f"--mqtt-ur=mqtt://u:{SECRET}@h"),
    _given(1, "--viewer-password", SECRET),
    _given(1, f"--viewer_password={SECRET}"),
    _given(1, f"--VIEWER-PASSWORD={SECRET}"),
    _given(1, f"--pass{'g' * 60}-file={SECRET}"),
    _given(1, f"ENERGY_MQTT_URL5mqtts://u:{SECRET}@h?tlsCAFile=%00"),
    _given(1, f"ENERGY_VIEWER_PASSWORD={SECRET}", "--nothing"),
    _given(1, f"+ENERGY_VIEWER_PASSWORD={SECRET}"),
    _given(1, "--interval=1ns"),
    _given(1, "--count=" + "9" * 5000),
    _given(1, "--location=" + "x" * 60_000),
    _given(2, f"ENERGY_VIEWER_PASSWORD={SECRET}", "ENERGY_TRUSTED_PROXY=0.0.0.0/0"),
    _given(2, "ENERGY_HTTP=[::1]:65536"),
    _given(3, "Meter-7", "--role=health"),
    _given(3, "Meter-7", "--role=sensor", f"--password-file={SECRET}"),
    _given(4, "--host=" + "[" * 60_000),
    _given(4, '--host=["a","b"]'),
    _given(5, "x.csv", "--from=0001-01-01T00:00+14:00"),
    _given(5, "x.csv", "--from=9999-12-31T23:59:59.9999"),
    _given(5, "x.csv", "--sensor=a,,b\u202e"),
    _given(6, "--date=20261123"),
    _given(6, "--time-zone=../../etc/passwd"),
    _given(6, "--time-zone=\udcff"),
    _given(7, "[1,", "{}"),
    _given(8, '["' + "x" * 300 + '"]'),
)
TOKENS = tuple(
    (
        b"ENERGY_MQTT_URL= ENERGY_MONGO_URL= ENERGY_NOTIFY= ENERGY_VIEWER_PASSWORD= "
        b"ENERGY_THRESHOLD_KWH= ENERGY_HTTP= ENERGY_SITE= FILE:ENERGY_SITE_FILE= "
        b"--mqtt-url= --mongo-url= --http= --drain= --interval= --sensor= --from= "
        b"--time-zone= --host= --date= --role=sensor --help mqtts://u:hunter2@h "
        b"mongodb://u:hunter2@h/d ?tlsCAFile= 1h30m 1e999 nan :65536 \xe2\x84\x80 "
        b"\xe2\x80\xae [ %00"
    ).split()
)


def check(data: bytes) -> None:
    program = PROGRAMS[data[0] % len(PROGRAMS)] if data else IngestorSettings
    # What the system hands to a process has no NUL; what is no UTF-8 comes as lone surrogates.
    text = data[1:].replace(b"\0", b"").decode(errors="surrogateescape")
    lines = [line for line in text.split("\n") if line][:LINES]
    with tempfile.TemporaryDirectory() as folder:
        environment, arguments = _take_apart(lines, Path(folder))
        with patch.dict(os.environ, environment, clear=True):
            _check_program(program, arguments, _has_secret(lines))


def _take_apart(lines: Sequence[str], folder: Path) -> tuple[dict[str, str], list[str]]:
    """The environment and the command line. A plus makes an option of what looks like a variable."""
    environment, arguments = {}, []
    for number, line in enumerate(lines):
        name, is_variable, value = line.removeprefix("FILE:").partition("=")
        if line.startswith("FILE:") and is_variable and name:
            file = folder / str(number)
            file.write_bytes(os.fsencode(value))
            environment[name] = str(file)
        elif line.startswith("ENERGY_") and is_variable:
            environment[name] = value
        else:
            arguments.append(line.removeprefix("+"))
    return environment, arguments


def _has_secret(lines: Sequence[str]) -> bool:
    """Whether the password stands in some lines, and wherever it does it can be known for one."""
    pairs = zip(["", *lines], lines, strict=False)
    found = [(before, line) for before, line in pairs if SECRET in line]
    return bool(found) and all(
        _names_secret.fullmatch(before) or _holds_secret.match(line.partition(SECRET)[0].lstrip("+"))
        for before, line in found
    )


def _check_program(program: type[ProcessSettings], arguments: list[str], has_secret: bool) -> None:
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            settings = read_settings(program, arguments, "program")
    except SystemExit as ended:
        if ended.code == 0:
            assert any(each.startswith(("-h", "--h")) for each in arguments), "it ends without a word"
            return
        assert ended.code == 2
        said = err.getvalue()
        assert said.startswith("program: ")
        assert said.endswith("\n")
        assert_is_sentence(said[:-1], MOST)
        assert not has_secret or SECRET not in said, f"it tells the password: {said}"
        return
    assert not err.getvalue()
    _check_settings(settings)


def _check_settings(settings: ProcessSettings) -> None:
    """What is taken is what can be used."""
    for name, value in settings:
        if name in {"http", "certificate_listener"} and value is not None:
            assert int(value.rsplit(":", 1)[1]) <= 65_535, f"{value} is no port"
        if isinstance(value, timedelta):
            assert value >= timedelta(0), f"{name} is {value}"
        if name == "threshold_kwh":
            assert 0 < value < float("inf")
        if name in {"site", "topic_root"}:
            assert re.fullmatch(r"\+|[A-Za-z0-9._,/-]{1,6000}", value)
        if name.endswith("password"):
            assert SECRET not in repr(value)
