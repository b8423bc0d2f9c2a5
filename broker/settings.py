"""How every process reads its settings: once, at the edge, and never with a traceback.

The environment holds what the whole system agrees on (``VARIABLES``); a process takes the same as
options, and its own options besides. Options win.
"""

import difflib
import inspect
import os
import re
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, NoReturn, TypeVar
from urllib.parse import urlsplit

import durationpy
from pydantic import AfterValidator, BeforeValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from broker.topics import ID_PATTERN

VARIABLES = (
    "ENERGY_ALARMS",
    "ENERGY_HTTP",
    "ENERGY_MONGO_URL",
    "ENERGY_MQTT_URL",
    "ENERGY_NOTIFY",
    "ENERGY_OPERATOR_PASSWORD",
    "ENERGY_SITE",
    "ENERGY_THRESHOLD_KWH",
    "ENERGY_TOPIC_ROOT",
    "ENERGY_VIEWER_PASSWORD",
)

ID_RULE = "use 1 to 64 letters, digits, dots, underscores and dashes, and begin with a letter or digit"

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


def check_mongo_url(url: str) -> str:
    """Let a MongoDB URL pass that names a database."""
    parts = urlsplit(url)
    database = parts.path.removeprefix("/")
    if parts.scheme not in {"mongodb", "mongodb+srv"} or not re.fullmatch(r"[A-Za-z0-9_-]{1,38}", database):
        raise ValueError("write the URL as mongodb://user:password@host:port/database")
    return url


def check_endpoint(text: str) -> str:
    """Let an address to listen on pass."""
    if not re.fullmatch(r"\S+:[0-9]{1,5}", text):
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
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


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
        if name.startswith("ENERGY_") and name not in VARIABLES:
            near = difflib.get_close_matches(name, VARIABLES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(VARIABLES)}"
            stop(program, f"the environment variable {name} is unknown; {hint}")
    settings.model_config["cli_prog_name"] = program
    settings.__doc__ = inspect.cleandoc(settings.__doc__ or "")
    try:
        return settings(_cli_parse_args=list(arguments))
    except ValidationError as error:
        stop(program, explain(error, arguments))
    except SettingsError as error:
        detail = str(error).removeprefix("error parsing CLI: ")
        stop(program, f"{detail}; `{program} --help` lists the options")


def explain(error: ValidationError, arguments: Sequence[str]) -> str:
    """Say in one sentence which setting is wrong, and why. Never shows what is in a URL."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    option = f"--{name.replace('_', '-')}"
    variable = f"ENERGY_{name.upper()}"
    given = any(argument.split("=")[0] == option for argument in arguments)
    label = option if given or variable not in os.environ else variable
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if first["type"] == "string_pattern_mismatch":
        message = ID_RULE
    is_secret = name.endswith(("url", "password")) or name == "notify"
    shown = "" if is_secret or first["type"] == "missing" else f" {first['input']!r}"
    return f"{label}{shown}: {message}"


def stop(program: str, sentence: str, status: int = 2) -> NoReturn:
    """End the process with one sentence on stderr."""
    sys.stderr.write(f"{program}: {sentence}\n")
    raise SystemExit(status)
