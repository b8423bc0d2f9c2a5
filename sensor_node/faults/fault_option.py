"""Faults as command-line options: ``--fault clock-jump=0.5%,by=-1h,length=4``."""

import re

from pydantic import ValidationError

from broker.validation_errors import describe_error, first_error
from sensor_node.faults.fault import InjectedFault
from sensor_node.faults.fault_types import FAULT_PARAMETERS, FAULT_TYPES

OTHER_WORDS = {*FAULT_PARAMETERS, "at", "from", "to", "meters"}


def check_faults(texts: list[str]) -> list[str]:
    """Check faults; the parts of one that commas separated are joined again."""
    whole: list[str] = []
    for text in texts:
        if whole and text.partition("=")[0].strip() in OTHER_WORDS:
            whole[-1] += f",{text}"
        else:
            whole.append(text)
    for text in whole:
        read_fault(text)
    return whole


def read_fault(text: str) -> InjectedFault:
    """Parse a fault as written on the command line."""
    try:
        return InjectedFault.model_validate(parse_fault(text))
    except ValidationError as error:
        first = first_error(error)
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        raise ValueError(where + describe_error(first)) from None


def parse_fault(text: object) -> object:
    """Turn ``duplicate=1%,copies=3`` into the fields of ``InjectedFault``."""
    if not isinstance(text, str):
        return text
    first, *rest = text.split(",")
    kind, _, rate = first.partition("=")
    given: dict[str, object] = {"kind": kind.strip()}
    if kind.strip() not in FAULT_TYPES:
        raise ValueError(f"{kind.strip()!r} is not a fault; faults are {', '.join(FAULT_TYPES)}")
    if rate and rate.strip() != "once":
        given["rate"] = rate
    for part in rest:
        name, has_value, value = part.strip().partition("=")
        if not re.fullmatch(r"[a-z]+", name):
            raise ValueError("write a fault as duplicate=1%,copies=3")
        given[name] = value if has_value else True
    if rate.strip() == "once":
        given.setdefault("at", "+0s")
    return given
