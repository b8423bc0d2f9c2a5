"""Messages about active alarms, and the commands with which people answer them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from broker.messages import WireMessage
from broker.topics import SensorId, SiteId

MAX_SHELVED_MINUTES = 366 * 24 * 60


class AlarmEntry(WireMessage):
    """One active alarm of a sensor.

    Attributes:
        id: Sensor, rule and start; the same for as long as it lasts.
        severity: ``critical``, ``major``, ``minor`` or ``warning``.
        state: ``cleared`` when it is over and waits for an acknowledgement.
        since: When it began, by the sensor's clock.
        shelved_until: Until when there are no notifications of it.
    """

    id: str
    rule: str
    severity: str
    state: Literal["active", "cleared"]
    acknowledged: bool
    since: str
    message: str
    acknowledged_by: str | None = None
    shelved_until: str | None = None


class AlarmState(WireMessage):
    """All active alarms of a sensor (retained); empty when all is normal.

    Attributes:
        updated: When this last changed, by the ingestor's clock.
    """

    sensor_id: SensorId
    site: SiteId
    updated: str
    alarms: list[AlarmEntry]


class AlarmFloodState(WireMessage):
    """An alarm flood of a site: alarms that come too fast to be reported one by one (retained).

    Attributes:
        storm: Whether it is going on.
        started: How many alarms have started in it so far.
    """

    site: SiteId
    storm: bool
    since: str
    updated: str
    started: int
    message: str


UserName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Acknowledge(WireMessage):
    """An operator has seen the alarm with this id."""

    model_config = ConfigDict(extra="forbid")

    acknowledge: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    user: UserName | None = None


class Shelve(WireMessage):
    """Mute this rule of a sensor for some minutes; 0 unmutes it."""

    model_config = ConfigDict(extra="forbid")

    shelve: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    minutes: Annotated[int, Field(ge=0, le=MAX_SHELVED_MINUTES)]
    user: UserName | None = None
