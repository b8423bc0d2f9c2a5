"""What ``scripts/fuzz`` can be told."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg

from broker.program.settings import ProcessSettings
from tests.fuzz.targets import NAMES


def _check_target(name: str) -> str:
    if name not in {*NAMES, "all"}:
        raise ValueError(f"there is no such target; there are {', '.join(NAMES)}, and all")
    return name


class FuzzSettings(ProcessSettings):
    """Feed what reads other people's words with inputs that nobody would think of.

    What is found is written into var/fuzz, and can be run again with --input.

    Example: scripts/fuzz payload --seconds 600
    """

    target: CliPositionalArg[Annotated[str, AfterValidator(_check_target)]] = Field(
        "all", description=f"one of {', '.join(NAMES)}; or all, one after the other"
    )
    seconds: Annotated[int, Field(ge=1, le=1_000_000)] = Field(60, description="how long, each target")
    corpus: Path | None = Field(
        None, description="folder of inputs to begin with, which grows; else one in var/fuzz"
    )
    input: Path | None = Field(None, description="run this one input instead")
    keep: bool = Field(False, description="afterwards, put what is worth it into tests/fuzz/corpus")
