"""What each role may do on the broker: an account as lines of Mosquitto's access list.

An account's topics are spelled out: a pattern with the client's name in it would let a client choose its
rights by choosing its name.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from broker.topics import SensorKey, SiteId, Topics

AssignableRole = Literal["sensor", "gateway", "ingestor", "viewer", "operator"]
# The last is the health check's alone.
Role = Literal[AssignableRole, "health"]
HEALTH_TOPIC = "health/broker"
# In the access list: (may read, may write).
TopicRights = tuple[list[str], list[str]]


class Account(BaseModel):
    """A user of the broker.

    Attributes:
        name: The user name; a sensor's is its sensor id.
        sites: Its sites; ``+`` for all of them. A sensor has exactly one.
        managed: Whether it is made at every start, with the password in ``.env``.
    """

    model_config = ConfigDict(frozen=True)

    name: SiteId
    role: Role
    sites: Annotated[tuple[SiteId | Literal["+"], ...], Field(min_length=1)] = ("+",)
    managed: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.role == "sensor" and (len(self.sites) != 1 or "+" in self.sites):
            raise ValueError("a sensor belongs to one site; say which with --site")
        return self

    def rights(self, root: str) -> TopicRights:
        """Which topics it may read and which it may write, below a topic root."""
        topics = Topics(root)
        read, write = list[str](), list[str]()
        match self.role:
            case "health":
                return [HEALTH_TOPIC], [HEALTH_TOPIC]
            case "ingestor":
                read, write = ["$SYS/#"], [topics.ingestors("+")]
            case "viewer" | "operator":
                read = [topics.ingestors("+")]
        for site in self.sites:
            more_read, more_write = self._site_rights(site, topics)
            read += more_read
            write += more_write
        return read, write

    def _site_rights(self, site: str, topics: Topics) -> TopicRights:
        name = self.name if self.role == "sensor" else "+"
        readings, stored = topics.readings(site, name), topics.stored(site, name)
        commands, status = topics.commands(site, name), topics.status(site, name)
        flood = topics.alarm_flood(site)
        if self.role == "ingestor":
            alerts, alarms = topics.alerts(site, name), topics.alarms(site, name)
            rejected = topics.rejected(SensorKey(site, name))
            return [readings, status, commands], [stored, alerts, alarms, flood, rejected]
        if self.role in {"viewer", "operator"}:
            # Operators acknowledge and shelve alarms, and send repaired readings.
            return [topics.site_filter(site), flood], [commands, readings] if self.role == "operator" else []
        return [stored], [readings, status]

    def access_list(self, root: str) -> list[str]:
        """Its lines in Mosquitto's access list."""
        read, write = self.rights(root)
        return [
            f"user {self.name}",
            *(f"topic read {topic}" for topic in read),
            *(f"topic write {topic}" for topic in write),
        ]
