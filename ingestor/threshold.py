"""The command ``ingestor threshold``: give one sensor a threshold of its own, or take it away."""

import difflib
import sys
from typing import Annotated

from pydantic import Field
from pydantic_settings import CliPositionalArg
from pymongo.errors import PyMongoError

from broker.process import run
from broker.settings import MongoUrl, ProcessSettings, read_settings
from broker.topics import SensorId
from ingestor.store.reading_store import open_store
from ingestor.store.retry import short_message

PROGRAM = "ingestor threshold"


class ThresholdError(Exception):
    """Raised when the threshold cannot be set; says why."""


class ThresholdSettings(ProcessSettings):
    """Give a sensor a threshold of its own; it counts within five seconds. Without a number: take it away.

    Example: ingestor threshold Sensor-LARI-07 9.5
    """

    sensor: CliPositionalArg[SensorId] = Field(description="the sensor's id")
    kwh: CliPositionalArg[Annotated[float, Field(ge=0, allow_inf_nan=False)] | None] = Field(
        None, description="the threshold, kWh; a reading strictly above it is an anomaly"
    )
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")


def set_threshold(arguments: list[str]) -> None:
    """Read the arguments and set it.

    Raises:
        SystemExit: With status 1 after one sentence if the sensor is unknown or nobody answers.
    """
    settings = read_settings(ThresholdSettings, arguments, PROGRAM)
    run(PROGRAM, lambda _: _write(settings), ThresholdError)
    now = "the threshold of all" if settings.kwh is None else f"a threshold of {settings.kwh} kWh"
    sys.stdout.write(f"{settings.sensor} has {now} within five seconds.\n")


async def _write(settings: ThresholdSettings) -> None:
    own = {"threshold_kwh": settings.kwh}
    change = {"$unset": own} if settings.kwh is None else {"$set": own}
    async with open_store(settings.mongo_url) as store:
        sensors = store.database["sensors"]
        try:
            answer = await sensors.update_one({"sensor_id": settings.sensor}, change)
            if answer.matched_count:
                return
            known = await sensors.distinct("sensor_id")
        except PyMongoError as error:
            raise ThresholdError(f"MongoDB does not do this ({short_message(error)})") from error
    near = difflib.get_close_matches(settings.sensor, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; it is once its first reading is stored"
    raise ThresholdError(f"no sensor {settings.sensor} is known{hint}")
