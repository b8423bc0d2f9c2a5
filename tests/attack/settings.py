"""What ``scripts/attack`` can be told."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg

from broker.program.settings import ProcessSettings
from tests.attack.attacks import ATTACKS


def _check_name(name: str) -> str:
    if name not in {*ATTACKS, "all"}:
        raise ValueError(f"there is no such attack; there are {', '.join(ATTACKS)}, and all")
    return name


class AttackSettings(ProcessSettings):
    """Attack a system of its own, and say what that does to everybody else.

    Each attack is what one stranger, sensor, gateway or person can do with the rights that they have.

    Example: scripts/attack statuses --seconds 600
    """

    attack: CliPositionalArg[Annotated[str, AfterValidator(_check_name)]] = Field(
        "all", description=f"one of {', '.join(ATTACKS)}; or all, one after the other"
    )
    seconds: Annotated[float, Field(ge=1, le=1_000_000)] = Field(30, description="how long, each attack")
