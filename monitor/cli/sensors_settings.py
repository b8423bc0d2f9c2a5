"""What ``monitor sensors`` can be told."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import CliPositionalArg

from broker.settings import MongoUrl, ProcessSettings, Sites
from broker.topics import SensorId, SiteId
from ingestor.documents import utc_now

MAX_LOCATION = 200
NONE = "none"


def check_location(text: str) -> str:
    """Let a location pass that people can read."""
    text = text.strip()
    if len(text) > MAX_LOCATION:
        raise ValueError(f"a location has at most {MAX_LOCATION} characters")
    if not text.isprintable():
        raise ValueError("a location has printable characters only")
    return text


def check_threshold(text: object) -> object:
    """Let kWh pass, or ``none``; leave what is not text to pydantic."""
    if not isinstance(text, str) or text.lower() == NONE:
        return None if isinstance(text, str) else text
    try:
        return float(text) + 0.0  # turns -0.0 into 0.0
    except ValueError:
        raise ValueError(f"write kWh as 9.5, or {NONE} to remove it") from None


Location = Annotated[str, BeforeValidator(check_location)]
Threshold = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False)] | None, BeforeValidator(check_threshold)
]


class SensorsSettings(ProcessSettings):
    """List sensors, or set a sensor's location, threshold or site.

    Your location overrides the one in its readings; none removes your setting.
    Changes need the MongoDB URL of the user operator.

    Example: monitor sensors Sensor-LARI-01 --location "Room 7" --threshold 9.5
    """

    sensor: CliPositionalArg[SensorId | None] = Field(
        None, description="the sensor to show or to change (default: all)"
    )
    location: Location | None = Field(None, description="where it is; none: as in its readings")
    threshold: Threshold = Field(
        None, description="readings above it are anomalies, kWh; none: the default threshold"
    )
    move_to: SiteId | None = Field(
        None, description="the site it belongs to from now on; its readings from other sites are rejected"
    )
    site: Sites = Field("+", description="sites to list: + for all, or names separated by commas")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")

    @property
    def sites(self) -> list[str]:
        """The sites to list; none for all."""
        return [] if self.site == "+" else self.site.split(",")


def asked_changes(settings: SensorsSettings, arguments: Sequence[str]) -> dict[str, object]:
    """What is to be set, and, as None, what is to be taken away.

    Args:
        settings: What the arguments say.
        arguments: The command line: an option that is given but empty takes away.
    """
    given = {argument.split("=", maxsplit=1)[0] for argument in arguments}
    location = settings.location if settings.location and settings.location.lower() != NONE else None
    changes: dict[str, object] = {"own_location": location, "threshold_kwh": settings.threshold}
    options = {"own_location": "--location", "threshold_kwh": "--threshold"}
    asked = {name: value for name, value in changes.items() if value is not None or options[name] in given}
    if settings.move_to is not None:
        asked |= {"site": settings.move_to, "moved_at": utc_now()}
    return asked
