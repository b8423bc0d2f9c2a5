"""How every process reads its settings: once, at the edge, and never with a traceback.

The environment holds what the whole system agrees on (``VARIABLES``); a process takes the same as
options, and its own options besides. Options win. A variable's value may be in a file instead, whose name
is in ``NAME_FILE``: so that a secret is neither in the environment nor in the list of processes.
"""

import difflib
import inspect
import os
import re
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import durationpy
from pydantic import AfterValidator, BeforeValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from broker.program.bounded_file import read_small
from broker.program.escape import escape_truncated
from broker.program.url_escapes import escaping_hint
from broker.program.validation_errors import describe_error, first_error
from broker.topics import ID_PATTERN

VARIABLES = (
    "ENERGY_ALARMS",
    "ENERGY_BROKER_CERTIFICATES",
    "ENERGY_BROKER_REGISTER_COPY",
    "ENERGY_BROKER_USERS",
    "ENERGY_CERTIFICATES",
    "ENERGY_CERTIFICATE_LISTENER",
    "ENERGY_HOSTS",
    "ENERGY_HTTP",
    "ENERGY_MONGO_URL",
    "ENERGY_MQTT_URL",
    "ENERGY_NOTIFY",
    "ENERGY_OPERATOR_PASSWORD",
    "ENERGY_REGISTER",
    "ENERGY_SENSOR_QUOTA",
    "ENERGY_SENSOR_RATE",
    "ENERGY_SITE",
    "ENERGY_SITE_QUOTA",
    "ENERGY_THRESHOLD_KWH",
    "ENERGY_TLS_CERTIFICATE",
    "ENERGY_TLS_KEY",
    "ENERGY_TOPIC_ROOT",
    "ENERGY_TRUSTED_PROXY",
    "ENERGY_VIEWER_PASSWORD",
)

MAX_PORT = 65_535
MAX_SHOWN = 1000
MONGO_FORM = "write the URL as mongodb://user:password@host:port/database"
SECRET_NAMES = re.compile("url|pass|notify", re.IGNORECASE)

S = TypeVar("S", bound="ProcessSettings")


class ProcessSettings(BaseSettings):
    """What the settings classes of all processes have in common."""

    model_config = SettingsConfigDict(
        env_prefix="ENERGY_",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        cli_avoid_json=True,
        cli_exit_on_error=False,
        cli_implicit_flags=True,
        cli_kebab_case=True,
        cli_hide_none_type=True,
    )


def parse_duration(text: object) -> object:
    """Turn ``2s``, ``500ms`` or ``1h30m`` into a timedelta; leave what is not text to pydantic."""
    if not isinstance(text, str):
        return text
    try:
        return durationpy.from_str(text)
    except (durationpy.DurationError, OverflowError):
        raise ValueError("write a duration as 2s, 500ms, 10m or 1h30m") from None


def check_duration(duration: timedelta) -> timedelta:
    """Let a duration pass that does not end before it begins."""
    if duration < timedelta(0):
        raise ValueError("a duration is not negative")
    return duration


def check_mongo_url(url: str) -> str:
    """Let a MongoDB URL pass that names a database."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # What is said there may hold the password.
        raise ValueError(f"{MONGO_FORM}{escaping_hint(url)}") from None
    database = parts.path.removeprefix("/")
    if parts.scheme not in {"mongodb", "mongodb+srv"} or not re.fullmatch(r"[A-Za-z0-9_-]{1,38}", database):
        raise ValueError(f"{MONGO_FORM}{escaping_hint(url)}")
    if hint := escaping_hint(f"://{parts.netloc}"):
        raise ValueError(f"{MONGO_FORM}{hint}")
    return url


def check_endpoint(text: str) -> str:
    """Let an address to listen on pass."""
    if not re.fullmatch(r"\S+:[0-9]{1,5}", text) or int(text.rpartition(":")[2]) > MAX_PORT:
        raise ValueError("write it as host:port, for example 127.0.0.1:8090")
    return text


def check_sites(text: str) -> str:
    """Let a list of sites pass, or ``+`` for all."""
    sites = text.split(",")
    if text != "+" and not all(re.fullmatch(ID_PATTERN, site) for site in sites):
        raise ValueError("write + for all sites, or names with commas between: lari,annex")
    return text


Sites = Annotated[str, AfterValidator(check_sites)]
MongoUrl = Annotated[str, AfterValidator(check_mongo_url)]
Endpoint = Annotated[str, AfterValidator(check_endpoint)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(check_duration)]


def read_settings(settings: type[S], arguments: Sequence[str], program: str) -> S:
    """Read the settings of one process from its arguments and the environment.

    Args:
        settings: The class to fill.
        arguments: The command line without the program's name.
        program: How the user called it, for messages.

    Raises:
        SystemExit: With status 2 after one sentence on stderr that names what is wrong, or with 0
            after ``--help``.
    """
    for name in os.environ:
        if name.startswith("ENERGY_") and name.removesuffix("_FILE") not in VARIABLES:
            near = difflib.get_close_matches(name, VARIABLES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(VARIABLES)}"
            exit_with(program, f"the environment variable {redact(name)} is unknown; {hint}")
    settings.model_config["cli_prog_name"] = program
    settings.__doc__ = inspect.cleandoc(settings.__doc__ or "")
    try:
        return settings(_cli_parse_args=list(arguments), **_from_files(settings, program))
    except ValidationError as error:
        exit_with(program, explain(error, arguments))
    except SettingsError as error:
        detail = redact(str(error).removeprefix("error parsing CLI: "))
        exit_with(program, f"{detail}; `{program} --help` lists the options")


def _from_files(settings: type[ProcessSettings], program: str) -> dict[str, Any]:
    """The values of all variables for which the environment names a file."""
    values = {}
    for variable in VARIABLES:
        file, field = os.environ.get(f"{variable}_FILE"), variable.removeprefix("ENERGY_").lower()
        if not file or field not in settings.model_fields:
            continue
        if os.environ.get(variable):
            exit_with(program, f"both {variable} and {variable}_FILE are set; keep one of them")
        try:
            values[field] = read_small(Path(file)).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or "it is no text"
            exit_with(program, f"{variable}_FILE: {describe_file(file)} cannot be read ({reason})")
    return values


def explain(error: ValidationError, arguments: Sequence[str]) -> str:
    """Say in one sentence which setting is wrong, and why. Never shows what is in a URL."""
    first = first_error(error)
    message = describe_error(first)
    if not first["loc"]:
        # Of several options together; the sentence names them. What was given may hold a password.
        return message
    name = str(first["loc"][0])
    option = f"--{name.replace('_', '-')}"
    variable = f"ENERGY_{name.upper()}"
    given = any(argument.split("=")[0] == option for argument in arguments)
    variables = [] if given else [each for each in (variable, f"{variable}_FILE") if each in os.environ]
    label = next(iter(variables), option)
    is_secret = name.endswith(("url", "password")) or name == "notify"
    shown = "" if is_secret or first["type"] == "missing" else f" {redact(repr(first['input']))}"
    return f"{label}{shown}: {message}"


def describe_file(file: str | Path) -> str:
    """A file for people; what is no whole path may be the secret itself, in the place of its file."""
    return redact(str(file)) if Path(file).is_absolute() else "the file"


def redact(text: str) -> str:
    """Leave out what may be a password: in a URL, or of an option or variable that is written wrong."""
    for word in re.finditer(r"://|[\w-]+", text):
        follows = text[word.end() : word.end() + 1]
        if word[0] == "://":
            return f"{text[: word.end()]}…"
        if follows in {"=", " "} and SECRET_NAMES.search(word[0]):
            return f"{text[: word.end()]}{follows}…"
    return text


def exit_with(program: str, sentence: str, status: int = 2) -> NoReturn:
    """End the process with one sentence on stderr."""
    sys.stderr.write(f"{program}: {escape_truncated(sentence, MAX_SHOWN)}\n")
    raise SystemExit(status)
