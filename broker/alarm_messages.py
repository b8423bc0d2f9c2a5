"""Messages of standing alarms, and what people may say to them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from broker.messages import WireMessage
from broker.topics import SensorId, SiteId

MAX_SHELVED_MINUTES = 366 * 24 * 60


class AlarmEntry(WireMessage):
    """One standing alarm of a sensor.

    Attributes:
        id: Sensor, rule and start; the same for as long as it lasts.
        rule: What was found.
        severity: ``critical``, ``major``, ``minor`` or ``warning``.
        state: ``active``; or ``cleared``, when it is over and waits for an acknowledgement.
        acknowledged: Whether somebody has seen it.
        since: When it began, by the sensor's clock.
        message: For people.
        acknowledged_by: Who, if they said so.
        shelved_until: Until when somebody does not want to hear of it.
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
    """All standing alarms of a sensor (retained); empty when all is normal.

    Attributes:
        updated: When this last changed, by the ingestor's clock.
    """

    sensor_id: SensorId
    site: SiteId
    updated: str
    alarms: list[AlarmEntry]


class AlarmFloodState(WireMessage):
    """Alarms of a site that come too fast to be told one by one (retained).

    Attributes:
        storm: Whether it is going on.
        started: How many alarms have started in it so far.
        since: When it began.
    """

    site: SiteId
    storm: bool
    since: str
    updated: str
    started: int
    message: str


UserName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Acknowledge(WireMessage):
    """Somebody has seen an alarm.

    Attributes:
        acknowledge: The alarm's id.
        user: Who.
    """

    model_config = ConfigDict(extra="forbid")

    acknowledge: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    user: UserName | None = None


class Shelve(WireMessage):
    """Somebody does not want to hear of a rule of a sensor for a while.

    Attributes:
        shelve: The rule.
        minutes: For how long; 0 ends it.
        user: Who.
    """

    model_config = ConfigDict(extra="forbid")

    shelve: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    minutes: Annotated[int, Field(ge=0, le=MAX_SHELVED_MINUTES)]
    user: UserName | None = None
