"""Read the file `alarms.toml`, or say in one sentence what is wrong with it."""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from broker.program.validation_errors import describe_error, first_error
from ingestor.alarms.config.config import AlarmConfig, merge
from ingestor.alarms.rules.overconsumption import OVERCONSUMPTION
from ingestor.alarms.rules.rule_settings import ALIASES, AllRuleSettings
from ingestor.alarms.rules.setting_types import ConfigTable

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
    content = _load(text)
    try:
        config = AlarmConfig.model_validate(_resolve_aliases(content))
    except ValidationError as error:
        raise AlarmConfigError(_explain(error, AlarmConfig, content)) from error
    if config.rules.of(OVERCONSUMPTION).threshold_kwh is not None:
        raise AlarmConfigError(
            "rules.overconsumption.threshold_kwh: the threshold of all sensors is ENERGY_THRESHOLD_KWH; "
            "here a site or a sensor may have its own"
        )
    for kind, tables in (("sites", config.sites), ("sensors", config.sensors)):
        for name, table in tables.items():
            try:
                merge(config.rules, table)
            except ValidationError as error:
                raise AlarmConfigError(_explain(error, AllRuleSettings, content, kind, name)) from error
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


def _resolve_aliases(content: Mapping[str, Any]) -> dict[str, Any]:
    """The file with each rule under its own name."""

    def resolve(rules: object, *where: str) -> object:
        if not isinstance(rules, Mapping):
            return rules
        for alias, name in ALIASES.items():
            if alias in rules and name in rules:
                raise AlarmConfigError(f"{_place([*where, alias])}: {alias} and {name} are the same rule")
        return {ALIASES.get(name, name): settings for name, settings in rules.items()}

    resolved = dict(content)
    if "rules" in content:
        resolved["rules"] = resolve(content["rules"], "rules")
    for kind in ("sites", "sensors"):
        if isinstance(tables := content.get(kind), Mapping):
            resolved[kind] = {name: resolve(rules, kind, name) for name, rules in tables.items()}
    return resolved


def _as_written(path: Sequence[str], content: object) -> list[str]:
    """A place with the names that the file has for rules."""
    written = []
    for part in path:
        table = content if isinstance(content, Mapping) else {}
        names = [part, *(alias for alias, name in ALIASES.items() if name == part)]
        written.append(next((name for name in names if name in table), part))
        content = table.get(written[-1])
    return written


def _explain(error: ValidationError, root: type[ConfigTable], content: Mapping[str, Any], *where: str) -> str:
    """Say in one sentence which setting is wrong, and why.

    Args:
        error: What pydantic found.
        root: What it looked at.
        content: The file.
        where: Where in the file that is.
    """
    first = first_error(error)
    path = [part for part in first["loc"] if isinstance(part, str)]  # without the places in lists
    kind, value = first["type"], first["input"]
    if kind == "string_pattern_mismatch":
        return f"{_place(path[:-1])}: {NAME_RULE}"
    place = _place(_as_written([*where, *path], content))
    if kind == "extra_forbidden":
        return f"{place}: {_unknown(root, path, value)}"
    return f"{place}: {describe_error(first, SENTENCES)}, not {_shown(value)}"


def _unknown(root: type[ConfigTable], path: list[str], value: object) -> str:
    table: Any = root
    for part in path[:-1]:
        table = table.model_fields[part].annotation
    what, known = "rule" if table is AllRuleSettings else "setting", list(table.model_fields)
    holds_tables = isinstance(value, Mapping) and any(isinstance(each, Mapping) for each in value.values())
    if table is root is AllRuleSettings and holds_tables:  # [sensors.Hall.7.silent]
        return "there is no such rule; a name with a dot stands in quotes"
    aliases = list(ALIASES) if table is AllRuleSettings else []
    near = difflib.get_close_matches(path[-1], known + aliases, n=1)
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
