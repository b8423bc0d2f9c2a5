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
        raise ValueError(f"write kWh as 9.5, or {NONE} to take it away") from None


Location = Annotated[str, BeforeValidator(check_location)]
Threshold = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False)] | None, BeforeValidator(check_threshold)
]


class SensorsSettings(ProcessSettings):
    """List sensors, or set where one is and from when on its readings are too high.

    What you set counts more than what its readings say; none takes it away again.
    Setting takes the MongoDB URL of the user operator.

    Example: monitor sensors Sensor-LARI-01 --location "Room 7" --threshold 9.5
    """

    sensor: CliPositionalArg[SensorId | None] = Field(None, description="only this one, or the one to change")
    location: Location | None = Field(
        None, description="where it is, for people; none: what its readings say"
    )
    threshold: Threshold = Field(
        None, description="a reading strictly above it is an anomaly, kWh; none: the threshold of all"
    )
    move_to: SiteId | None = Field(
        None, description="the site that it belongs to from now on; another's readings of it are refused"
    )
    site: Sites = Field("+", description="sites to list: + for all, or a list with commas")
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
