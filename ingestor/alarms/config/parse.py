"""Read the file `alarms.toml`, or say in one sentence what is wrong with it."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from broker.program.validation_errors import describe_error, first_error
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.rules.overconsumption import OVERCONSUMPTION
from ingestor.alarms.rules.rule_settings import ALIASES, AllRuleSettings

MAX_BYTES = 1024 * 1024
MAX_SHOWN = 60

# What pydantic finds, in the words of those who write the file.
SENTENCES = {
    "bool_type": "write true or false",
    "dict_type": "write a table",
    "float_type": "write a number",
    "int_type": "write a whole number",
    "model_type": "write a table",
    "string_type": "write it in quotes",
    "tuple_type": 'write a list, as ["critical", "major"]',
}
NAME_RULE = (
    "a name has 1 to 64 letters, digits, dots, underscores and dashes, and begins with a letter or digit"
)


class AlarmConfigError(Exception):
    """Raised when the file cannot be used; says in one sentence what is wrong, and where."""


def parse_config(text: str) -> AlarmConfig:
    """Read the text of an `alarms.toml`.

    Raises:
        AlarmConfigError: It is no TOML, or a setting is unknown or has a wrong value.
    """
    try:
        config = AlarmConfig.model_validate(_load(text))
    except ValidationError as error:
        raise AlarmConfigError(_explain(first_error(error))) from error
    if config.rules.of(OVERCONSUMPTION).threshold_kwh is not None:
        raise AlarmConfigError(
            "rules.overconsumption.threshold_kwh: the threshold of all sensors is ENERGY_THRESHOLD_KWH; "
            "here a site or a sensor may have its own"
        )
    return config


def read_config(file: Path) -> AlarmConfig:
    """Read an `alarms.toml`.

    Raises:
        AlarmConfigError: It cannot be read or used.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise AlarmConfigError(f"it cannot be read ({(error.strerror or str(error)).lower()})") from error
    if len(content) > MAX_BYTES:
        raise AlarmConfigError("it is larger than 1 MiB")
    try:
        # Editors on Windows may write a byte order mark first.
        return parse_config(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise AlarmConfigError("it is no text in UTF-8") from error


def _load(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AlarmConfigError(f"it is no TOML: {str(error)[:1].lower()}{str(error)[1:]}") from error
    except ValueError as error:
        raise AlarmConfigError("a number in it has too many digits") from error
    except RecursionError as error:
        raise AlarmConfigError("its lists or tables are nested too deeply") from error


def _explain(error: ErrorDetails) -> str:
    """Say in one sentence which setting is wrong, and why."""
    path = [part for part in error["loc"] if isinstance(part, str)]  # without the places in lists
    if error["type"] == "string_pattern_mismatch":
        return f"{_place(path[:-1])}: {NAME_RULE}"
    if error["type"] == "extra_forbidden":
        return f"{_place(path)}: {_unknown(path, error['input'])}"
    return f"{_place(path)}: {describe_error(error, SENTENCES)}, not {_shown(error['input'])}"


def _unknown(path: list[str], value: object) -> str:
    is_own = path[0] in {"sites", "sensors"}
    table: Any = AllRuleSettings if is_own else AlarmConfig
    for part in path[2 if is_own else 0 : -1]:
        table = table.model_fields[ALIASES.get(part, part)].annotation
    what, known, name = "setting", list(table.model_fields), path[-1]
    names = known
    if table is AllRuleSettings:
        if name in ALIASES:
            return f"{name} and {ALIASES[name]} are the same rule"
        tables = value.values() if isinstance(value, Mapping) else ()
        if is_own and any(isinstance(each, Mapping) for each in tables):  # [sensors.Hall.7.silent]
            return "there is no such rule; a name with a dot stands in quotes"
        what, names = "rule", [*known, *ALIASES]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"there is no such {what}; {hint}"


def _place(path: list[str]) -> str:
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part) else _shown(part) for part in path)


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return "a list" if isinstance(value, list) else "a table"
    try:
        text = repr(value) if isinstance(value, str) else str(value)
    except ValueError:
        return "so large a number"
    text = text.lower() if isinstance(value, bool) else text
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
