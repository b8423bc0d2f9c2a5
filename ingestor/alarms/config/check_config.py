"""The command `ingestor check-config`: is an `alarms.toml` well, and what does it mean?"""

import sys
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import CliPositionalArg

from broker.program.escape import escape_text
from broker.program.settings import ProcessSettings, exit_with, read_settings
from ingestor.alarms.config.explanation import explain
from ingestor.alarms.config.parse import AlarmConfigError, read_config

PROGRAM = "ingestor check-config"


class CheckConfigSettings(ProcessSettings):
    """Say whether a file with alarm rules is well (status 0), and what it means.

    Example: ingestor check-config alarms.toml --threshold-kwh 9.5
    """

    # Named as the ingestor's own setting, so that ENERGY_ALARMS counts here as well.
    alarms: CliPositionalArg[Path] = Field(Path("alarms.toml"), description="the file")
    threshold_kwh: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        12.0, description="the threshold of sensors that have none of their own"
    )


def check_config(arguments: list[str]) -> None:
    """Read a file and explain it.

    Args:
        arguments: The command line after `ingestor check-config`.

    Raises:
        SystemExit: With status 1 after one sentence on stderr if the file is wrong.
    """
    settings = read_settings(CheckConfigSettings, arguments, PROGRAM)
    try:
        config = read_config(settings.alarms)
    except AlarmConfigError as error:
        exit_with(PROGRAM, f"{settings.alarms}: {error}", 1)
    lines = [f"{settings.alarms} is well.", *explain(config, settings.threshold_kwh)]
    sys.stdout.write("".join(f"{escape_text(line)}\n" for line in lines))
