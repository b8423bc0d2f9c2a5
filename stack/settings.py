"""What ``scripts/up`` can be told."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from broker.settings import Duration, ProcessSettings


class UpSettings(ProcessSettings):
    """Start the whole system on this machine and show the readings, until Ctrl-C.

    Example: scripts/up --nodes 5 --for 10m
    """

    nodes: Annotated[int, Field(ge=0, le=500)] = Field(3, description="sensor nodes to start")
    run_for: Duration | None = Field(None, alias="for", description="end after this time, for example 30s")
    tls: bool = Field(False, description="encrypt every connection, with certificates of its own")
    clean: bool = Field(False, description="forget all readings and logs of earlier runs first")
    state: Path = Field(Path("var"), description="folder for data, logs and stack.env")
