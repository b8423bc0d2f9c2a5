"""What ``scripts/chaos`` can be told."""

from typing import Annotated

from pydantic import Field

from broker.program.settings import ProcessSettings


class ChaosSettings(ProcessSettings):
    """Break a system of its own, again and again, and count what is lost.

    Example: scripts/chaos --minutes 10 --seed 7
    """

    minutes: Annotated[float, Field(gt=0, le=10_000)] = Field(10.0, description="how long, at random")
    seed: int = Field(7, description="the same seed does the same, as far as the machine does")
    table: bool = Field(
        False,
        description="do each fault of docs/guarantees.md so often as it says there, and write the table",
    )
    only: str = Field("", description="with --table: only the rows whose name holds this text")
