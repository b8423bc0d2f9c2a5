"""What ``scripts/bench`` can be told."""

from typing import Annotated, Literal

from pydantic import Field

from broker.program.settings import ProcessSettings

Chapter = Literal["throughput", "latency", "growth", "sensors", "alarms", "security", "costs", "pages"]


class BenchSettings(ProcessSettings):
    """Measure the ingestor beside the broker's own limit and beside peers, on servers of its own.

    Example: scripts/bench --only throughput --rounds 5
    """

    quick: bool = Field(False, description="a first impression, in less than two minutes")
    rounds: Annotated[int, Field(ge=1, le=100)] = Field(5, description="how often each is measured, in turn")
    only: Chapter | None = Field(None, description="one chapter; all of them when left out")
    document: bool = Field(False, description="write the tables and the plot of docs/performance.md anew")
